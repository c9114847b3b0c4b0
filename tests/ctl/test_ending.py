"""When a daemon counts as gone."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import runtime, wire
from kaimond.ctl import ending, skewed
from kaimond.ctl.client import SkewedDaemonError
from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator


class Place:
    """The runtime directory, with or without a daemon."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack

    def is_held_by(self, pid: int | None) -> None:
        """Somebody holds the lock, and may say who."""
        lock = self._stack.enter_context((self._path / runtime.DAEMON_LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        if pid is not None:
            (self._path / runtime.PID_FILE).write_text(json.dumps({"pid": pid}))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    directory = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    monkeypatch.setenv("KAIMON_RUNTIME_DIR", str(directory))
    with ExitStack() as stack:
        yield Place(directory, stack)
    shutil.rmtree(directory)


def test_a_daemon_is_gone_when_nobody_holds_its_lock(place: Place) -> None:
    ending.wait_for_end(5, 30)
    assert not ending.lock_is_held()


def test_a_daemon_is_gone_when_another_one_is_there(place: Place) -> None:
    place.is_held_by(6)
    ending.wait_for_end(5, 30)
    assert ending.announced_pid() == 6


@pytest.mark.parametrize("announced", [5, None])
def test_a_daemon_that_is_still_there_is_an_unknown_state(
    place: Place, announced: int | None
) -> None:
    place.is_held_by(announced)
    with pytest.raises(CtlError, match=r"kaimond \(pid 5\) has not ended within 0 s") as caught:
        ending.wait_for_end(5, 0)
    assert caught.value.code is ExitCode.UNKNOWN


def test_a_daemon_of_another_version_is_gone_when_the_next_one_is_there(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as old:
        place.is_held_by(os.getpid())
        skewed.stop(SkewedDaemonError(wire.SkewError("It is old.", 0, old.pid)), 30)
        assert old.wait(60) == -signal.SIGTERM

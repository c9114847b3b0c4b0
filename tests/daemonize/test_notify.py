"""What the service manager hears."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond.daemonize import notify

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSTRACT = pytest.param(
    True, marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract names")
)


@pytest.fixture(params=[False, ABSTRACT], ids=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """The manager's end, and the environment that tells where it is."""
    directory = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    name = f"\0{directory.name}" if request.param else str(directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(name)
        end.settimeout(30)
        yield end, {"NOTIFY_SOCKET": name.replace("\0", "@")}
    shutil.rmtree(directory)


def heard(end: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in end.recv(4096).decode().splitlines())


def test_the_manager_hears_each_step_of_a_daemons_life(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    end, environ = manager
    notifier = notify.Notifier(environ, os.getpid())
    notifier.ready("kaimond 1.2.3")
    assert heard(end) == {"READY": "1", "STATUS": "kaimond 1.2.3"}
    notifier.reloading()
    told = heard(end)
    assert told["RELOADING"] == "1"
    assert told["MONOTONIC_USEC"].isdecimal(), "systemd takes no reload without it"
    notifier.stopping()
    assert heard(end)["STOPPING"] == "1"


async def test_signs_of_life_come_from_the_event_loop_for_ever(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    end, environ = manager
    notifier = notify.Notifier(environ | {"WATCHDOG_USEC": "30000"}, os.getpid())
    living = asyncio.create_task(notifier.keep_alive())
    for _ in range(3):
        assert await asyncio.to_thread(heard, end) == {"WATCHDOG": "1"}
    living.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await living


async def test_a_manager_that_asks_for_no_signs_of_life_gets_none(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    end, environ = manager
    await notify.Notifier(environ, os.getpid()).keep_alive()
    end.setblocking(False)
    with pytest.raises(BlockingIOError):
        end.recv(100)


async def test_without_a_manager_nothing_is_told_and_nothing_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier = notify.Notifier({"WATCHDOG_USEC": "30000"}, os.getpid())
    notifier.ready("")
    await notifier.keep_alive()
    assert not caplog.records


def test_a_manager_that_is_gone_is_a_warning_and_no_failure(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    notify.Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}, 1).ready("")
    assert "did not hear READY=1" in caplog.text


@pytest.mark.parametrize("given", ["", "vsock:2:1234", "relative/path"])
def test_an_address_of_another_kind_is_none(given: str) -> None:
    assert notify.address({"NOTIFY_SOCKET": given}) == ""


def test_signs_of_life_are_asked_of_one_process_only() -> None:
    environ = {"WATCHDOG_USEC": "30000000"}
    assert notify.watchdog(environ, 7) == 30
    assert notify.watchdog(environ | {"WATCHDOG_PID": "7"}, 7) == 30
    assert notify.watchdog(environ | {"WATCHDOG_PID": "8"}, 7) == 0
    assert notify.watchdog({"WATCHDOG_USEC": "soon"}, 7) == 0
    assert notify.watchdog({}, 7) == 0

"""Into the background, and back with the truth about it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DETACH = """
import json, os, pathlib, sys, time
from kaimond.daemonize.detach import detach

here = pathlib.Path(sys.argv[1])
kept = os.open(here / "kept", os.O_RDWR | os.O_CREAT)
other = os.open(here / "other", os.O_RDWR | os.O_CREAT)
(here / "launcher").write_text(str(os.getpid()))
readiness = detach([kept])

def wait_for(name):
    while not (here / name).exists():
        time.sleep(0.01)

def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True

facts = {
    "pid": os.getpid(),
    "cwd": os.getcwd(),
    "umask": os.umask(0o077),
    "leader": os.getsid(0) == os.getpid(),
    "manager": os.environ.get("NOTIFY_SOCKET"),
    "kept": is_open(kept),
    "other": is_open(other),
    "inherited": [os.get_inheritable(fd) for fd in (0, 1, 2)],
    "null": [os.path.sameopenfile(fd, os.open(os.devnull, os.O_RDWR)) for fd in (0, 1, 2)],
}
temporary = here / "facts.tmp"
temporary.write_text(json.dumps(facts))
temporary.replace(here / "facts")
"""


class Program:
    """A program that detaches, and what became of it."""

    def __init__(self, here: Path) -> None:
        self.here = here

    def start(self, rest: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", DETACH + rest, str(self.here)],
            env={**os.environ, "HOME": str(self.here), "NOTIFY_SOCKET": "/run/of/the/client"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, rest: str) -> tuple[int, str]:
        """The exit code of whoever called it, and what it said."""
        process = self.start(rest)
        _, said = process.communicate(timeout=30)
        return process.returncode, said

    def facts(self) -> dict[str, object]:
        wait_until((self.here / "facts").exists)
        found: dict[str, object] = json.loads((self.here / "facts").read_text())
        return found


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    if (tmp_path / "facts").exists():
        pid = int(str(made.facts()["pid"]))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        wait_until(lambda: not psutil.pid_exists(pid) or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


STAY = "time.sleep(60)\n"


def test_the_caller_ends_with_0_when_the_daemon_is_ready_and_the_daemon_goes_on(
    program: Program,
) -> None:
    assert program.run("readiness.ready()\n" + STAY) == (0, "")
    facts = program.facts()
    assert psutil.pid_exists(int(str(facts["pid"])))
    assert facts["pid"] != int((program.here / "launcher").read_text())


def test_the_daemon_has_what_it_needs_and_nothing_of_its_caller(program: Program) -> None:
    program.run("readiness.ready()\n" + STAY)
    facts = program.facts()
    assert facts["cwd"] == os.path.realpath(program.here)
    assert facts["umask"] == 0o077
    assert facts["null"] == [True, True, True]
    # The next daemon, which is executed in its place, needs them as well.
    assert facts["inherited"] == [True, True, True]
    assert facts["kept"] is True
    assert facts["other"] is False
    assert facts["leader"] is False, "it can never get a terminal"
    assert facts["manager"] is None, "it would speak for a service that it is not"


def test_the_caller_does_not_end_before_the_daemon_is_ready(program: Program) -> None:
    process = program.start("wait_for('go')\nreadiness.ready()\n" + STAY)
    program.facts()
    assert process.poll() is None
    (program.here / "go").touch()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_why_the_daemon_does_not_run_comes_through(program: Program) -> None:
    assert program.run("readiness.failed('the disk is gone: ä')\n") == (
        1,
        "kaimond: the disk is gone: ä\n",
    )


def test_a_reason_that_names_a_path_that_is_no_utf8_comes_through(program: Program) -> None:
    code, said = program.run("readiness.failed('bad: \\udcff')\n")
    assert code == 1
    assert said.startswith("kaimond: bad: ")


def test_a_daemon_that_dies_without_a_word_is_a_failure(program: Program) -> None:
    for end in ("raise RuntimeError\n", "os._exit(0)\n", "os.kill(os.getpid(), 9)\n"):
        code, said = program.run(end)
        assert code == 1
        assert "the daemon ended before it was ready" in said


def test_a_daemon_whose_caller_has_gone_starts_all_the_same(program: Program) -> None:
    process = program.start("wait_for('go')\nreadiness.ready()\n(here / 'ready').touch()\n" + STAY)
    program.facts()
    process.kill()
    process.communicate()
    (program.here / "go").touch()
    wait_until((program.here / "ready").exists)


def test_in_the_foreground_a_failure_is_written_where_the_person_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from kaimond.daemonize.detach import Readiness

    readiness = Readiness()
    readiness.ready()
    readiness.failed("no")
    assert capsys.readouterr().err == "kaimond: no\n"

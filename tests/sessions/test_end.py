"""The way down, with stubborn children in the place of Julia."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from kaimond.gate.link import GateSilentError
from kaimond.julia_process.process import SessionProcess
from kaimond.registry.record import ExitStatus
from kaimond.sessions import end
from kaimond.sessions.end import MARK, end_leftovers, end_process
from kaimond.toolchain.start_plan import BOOT
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kaimond.julia_process.live import LiveProcess

    Start = Callable[..., "Double"]

SOON = 30.0
SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


class Double:
    """A process and a link that a test scripts."""

    def __init__(self, process: SessionProcess, key: str) -> None:
        self.process = process
        self.key = key
        self.asked: list[str] = []
        self.obeys = False
        self.up = False

    async def request(self, verb: str, *, timeout: float) -> None:
        self.asked.append(verb)
        if not self.obeys:
            raise GateSilentError("deaf")
        os.kill(self.process.pid, signal.SIGINT)

    async def end(self, timeout: float = SOON, *, ask: bool = False) -> bool:
        return await end_process(self.key, self.live, timeout, ask=ask)

    @property
    def live(self) -> LiveProcess:
        return cast("LiveProcess", SimpleNamespace(process=self.process, link=self))


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    made: list[SessionProcess] = []

    def start(code: str, *arguments: str) -> Double:
        key = os.urandom(4).hex()
        log = tmp_path / key
        env = {**os.environ, MARK: key}
        command = [sys.executable, "-c", code, *arguments]
        process = SessionProcess.spawn(command, cwd=tmp_path, env=env, log=log)
        made.append(process)
        return Double(process, key)

    yield start
    for process in made:
        process.signal(signal.SIGKILL)
        await process.wait(SOON)


async def ready(double: Double, tmp_path: Path) -> None:
    await until(lambda: "ready" in (tmp_path / double.key).read_text())


async def test_a_free_gate_is_asked_and_nothing_harder_happens(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    double = start("import signal; signal.signal(signal.SIGINT, lambda *_: exit(7)); " + SLEEP)
    double.obeys = True
    await ready(double, tmp_path)
    assert await double.end(ask=True)
    assert double.asked == ["exit"]
    assert double.process.exited.result() == ExitStatus(code=7)
    assert "sending" not in caplog.text


async def test_a_gate_that_is_not_free_is_not_asked(start: Start, tmp_path: Path) -> None:
    double = start(SLEEP)
    await ready(double, tmp_path)
    assert await double.end()
    assert double.asked == []
    assert double.process.exited.result() == ExitStatus(signal=signal.SIGTERM)


async def test_a_deaf_gate_gets_the_next_rung(start: Start, tmp_path: Path) -> None:
    double = start(SLEEP)
    await ready(double, tmp_path)
    assert await double.end(ask=True)
    assert double.process.exited.result() == ExitStatus(signal=signal.SIGTERM)


async def test_a_process_that_ignores_sigterm_is_killed(start: Start, tmp_path: Path) -> None:
    double = start(STUBBORN)
    await ready(double, tmp_path)
    assert await double.end(timeout=0.1)
    assert double.process.exited.result() == ExitStatus(signal=signal.SIGKILL)


async def test_a_stopped_process_is_continued_and_ends(start: Start, tmp_path: Path) -> None:
    double = start(SLEEP)
    await ready(double, tmp_path)
    os.kill(double.process.pid, signal.SIGSTOP)
    assert await double.end()
    assert double.process.exited.result() == ExitStatus(signal=signal.SIGTERM)


async def test_a_process_that_has_ended_needs_no_ladder(start: Start) -> None:
    double = start("pass")
    await asyncio.wait_for(double.process.exited, SOON)
    assert await asyncio.wait_for(double.end(timeout=3600), SOON)


async def test_a_process_that_survives_is_told_to_be_there(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = start(SLEEP)
    await ready(double, tmp_path)
    monkeypatch.setattr(end, "_KILL_TIMEOUT", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(double.process, "signal", lambda _: None)
        patched.setattr(end, "end_leftovers", lambda *_: asyncio.sleep(0))
        assert not await double.end(timeout=0.05)


async def test_children_go_with_their_session_even_if_their_parents_are_gone(
    start: Start, tmp_path: Path
) -> None:
    # In a group of its own; the process session and the mark are left.
    double = start(orphan("process_group=0"))
    left = await both(double, tmp_path)
    assert await double.end()
    await until(lambda: not any(_runs(pid) for pid in left))


async def test_what_made_itself_independent_outlives_the_session(
    start: Start, tmp_path: Path
) -> None:
    # As an editor does that was opened from Julia, or a daemon that was started there.
    orphaned = start(orphan("start_new_session=True", SLEEP))
    below = start(child("start_new_session=True", code=SLEEP))
    for double in (orphaned, below):
        (free,) = set(await both(double, tmp_path)) - {double.process.pid}
        try:
            assert await double.end()
            assert _runs(free)
        finally:
            os.kill(free, signal.SIGKILL)


async def test_workers_go_with_their_session_though_julia_detaches_them(
    start: Start, tmp_path: Path
) -> None:
    double = start(child("start_new_session=True", "--bind-to", "127.0.0.1", "--worker"))
    left = await both(double, tmp_path)
    assert await double.end()
    await until(lambda: not any(_runs(pid) for pid in left))


async def test_a_session_whose_process_nobody_has_noted_is_found_by_its_program(
    start: Start, tmp_path: Path
) -> None:
    # Of a daemon that was killed between the start of the process and the note of it.
    double, free = start(child(""), str(BOOT)), start(child(""))
    left = [*await both(double, tmp_path), *await both(free, tmp_path)]
    await end_leftovers(double.key, 0)
    await end_leftovers(free.key, 0)
    assert [_runs(pid) for pid in left] == [False, False, True, True]


def child(how: str, *arguments: str, code: str = STUBBORN) -> str:
    """Code that starts a process, with these settings of `Popen`, and stays."""
    command = f"[sys.executable, '-c', {code!r}, *{arguments}]"
    return f"import subprocess, sys; subprocess.Popen({command}, {how}); {SLEEP}"


def orphan(how: str, code: str = STUBBORN) -> str:
    """Code that has a process started by one that is gone then, and stays."""
    parent = child(how, code=code).removesuffix(SLEEP) + "import os; os._exit(0)"
    return f"import subprocess, sys; subprocess.run([sys.executable, '-c', {parent!r}]); {SLEEP}"


async def both(double: Double, tmp_path: Path) -> list[int]:
    """The two processes of a session, once both are ready."""
    log = tmp_path / double.key
    await until(lambda: log.read_text().count("ready") == 2)
    found = [process.pid for mark, process in end._marked() if mark == double.key]
    assert len(found) == 2
    return found


def _runs(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_leftovers_of_another_session_are_left_alone(start: Start, tmp_path: Path) -> None:
    one, other = start(SLEEP), start(SLEEP)
    await ready(one, tmp_path)
    await ready(other, tmp_path)
    await end_leftovers(one.key, one.process.pid)
    await until(lambda: not one.process.running)
    assert other.process.running


async def test_nobody_ends_himself() -> None:
    # A daemon that was started from within a session carries that session's mark.
    code = (
        "import os; from kaimond.sessions.end import _marked; "
        "print([process.pid for _, process in _marked()].count(os.getpid()))"
    )
    env: dict[str, Any] = {**os.environ, MARK: "ffff0000"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=env, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    assert said.strip() == b"0"

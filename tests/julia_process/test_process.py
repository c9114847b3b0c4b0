"""One process of a session: its start, its end, and that it is taken for no other."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond import platform
from kaimond.julia_process.process import ProcessGoneError, SessionProcess, end_descendants
from kaimond.registry.record import ExitStatus
from tests.support.children import bury
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Spawn = Callable[..., SessionProcess]

SOON = 30.0


@pytest.fixture
async def spawn(tmp_path: Path) -> AsyncIterator[Spawn]:
    """Spawns Python children, which are ended after the test."""
    made: list[SessionProcess] = []

    def spawn(code: str, **env: str) -> SessionProcess:
        process = SessionProcess.spawn(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, log=tmp_path / "log"
        )
        made.append(process)
        return process

    yield spawn
    for process in made:
        if process._watch >= 0:
            process.signal(signal.SIGKILL)
            await process.wait(SOON)


def log(tmp_path: Path) -> str:
    return (tmp_path / "log").read_text()


def real(path: Path) -> str:
    return os.path.realpath(path)


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def waited_for(pid: int) -> bool:
    """Whether no zombie of ours has this number."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


async def test_it_starts_where_it_shall_with_what_it_shall(spawn: Spawn, tmp_path: Path) -> None:
    code = (
        "import os, sys; print(os.getcwd(), os.environ['A'], sorted(os.environ)[:2],"
        " os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    )
    process = spawn(code, A="1")
    assert await process.wait(SOON)
    words = log(tmp_path)
    assert words.startswith(f"{real(tmp_path)} 1 ['A'")
    assert words.endswith("True True\n")


async def test_its_log_is_for_its_owner_only_and_is_added_to(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    (tmp_path / "log").chmod(0o600)
    process = spawn("import sys; print('out'); print('err', file=sys.stderr)")
    await process.wait(SOON)
    assert log(tmp_path).startswith("before\n")
    assert {"out", "err"} < set(log(tmp_path).split())


async def test_it_gets_no_descriptor_of_the_daemon(spawn: Spawn, tmp_path: Path) -> None:
    # Even one that was made inheritable by mistake.
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = spawn("import os; print(os.listdir('/dev/fd'))")
    await process.wait(SOON)
    os.close(reading)
    os.close(writing)
    # The fourth is the one that lists.
    assert log(tmp_path).strip() in ("['0', '1', '2', '3']", "['3', '0', '1', '2']")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", ExitStatus(code=0)),
        ("import sys; sys.exit(3)", ExitStatus(code=3)),
        ("import os; os.kill(os.getpid(), 9)", ExitStatus(signal=signal.SIGKILL)),
        ("import os; os.abort()", ExitStatus(signal=signal.SIGABRT)),
    ],
)
async def test_its_end_is_an_event_with_the_code_or_the_signal(
    spawn: Spawn, code: str, status: ExitStatus
) -> None:
    process = spawn(code)
    assert await asyncio.wait_for(process.exited, SOON) == status
    assert not process.running
    assert process._watch == -1, "nothing is left open"
    assert waited_for(process.pid)


async def test_asking_notices_the_end_at_once(spawn: Spawn) -> None:
    process = spawn("import time; time.sleep(60)")
    assert process.running
    os.kill(process.pid, signal.SIGKILL)
    # Without giving the event loop a turn.
    while not platform.is_zombie(process.pid):
        pass
    noticed = not process.running
    assert noticed
    assert process.exited.result() == ExitStatus(signal=signal.SIGKILL)


async def test_a_system_that_does_not_tell_does_not_make_a_living_process_dead(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = spawn("import time; time.sleep(60)")
    with monkeypatch.context() as patched:
        patched.setattr(platform, "process_start", lambda _: None)
        assert process.running
    assert not process.exited.done()


async def test_a_signal_reaches_it_and_none_reaches_a_process_that_has_ended(spawn: Spawn) -> None:
    process = spawn("import time; time.sleep(60)")
    process.signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.exited, SOON) == ExitStatus(signal=signal.SIGTERM)
    process.signal(signal.SIGTERM)


async def test_waiting_ends_at_the_deadline_and_tells_so(spawn: Spawn) -> None:
    process = spawn("import time; time.sleep(60)")
    assert not await process.wait(0.05)
    assert process.running


async def test_a_command_that_does_not_exist_is_an_error_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        SessionProcess.spawn(["/no/such/julia"], cwd=tmp_path, env={}, log=tmp_path / "log")
    assert descriptors() == before


async def test_a_process_that_cannot_be_watched_does_not_live_on_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(platform, "open_exit_watch", refuse)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(OSError, match="Too many open files"):
        SessionProcess.spawn(command, cwd=tmp_path, env={}, log=tmp_path / "log")
    assert not psutil.Process().children()


async def test_a_process_that_ends_before_it_can_be_watched_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(pid: int) -> int:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        raise ProcessLookupError

    monkeypatch.setattr(platform, "open_exit_watch", gone)
    command = [sys.executable, "-c", "import sys; sys.exit(3)"]
    process = SessionProcess.spawn(command, cwd=tmp_path, env={}, log=tmp_path / "log")
    assert await asyncio.wait_for(process.exited, SOON) == ExitStatus(code=3)


# Adoption


@pytest.fixture
async def orphan(tmp_path: Path) -> AsyncIterator[int]:
    """A process that is not our child."""
    code = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60)'], stdout=subprocess.DEVNULL).pid)"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await parent.communicate()
    pid = int(said)
    yield pid
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def test_a_process_of_an_earlier_daemon_is_adopted_and_its_end_noticed(orphan: int) -> None:
    start = platform.process_start(orphan)
    assert start
    process = SessionProcess.adopt(orphan, start)
    assert process.running
    process.signal(signal.SIGKILL)
    assert await asyncio.wait_for(process.exited, SOON) == ExitStatus()


async def test_a_process_with_another_start_is_a_stranger_and_is_left_alone(orphan: int) -> None:
    before = descriptors()
    with pytest.raises(ProcessGoneError):
        SessionProcess.adopt(orphan, "12345")
    assert descriptors() == before
    assert psutil.pid_exists(orphan)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
async def test_a_number_that_no_process_has_is_gone(pid: int) -> None:
    with pytest.raises(ProcessGoneError):
        SessionProcess.adopt(pid, "1")


async def test_a_process_that_cannot_be_watched_now_is_not_called_gone(
    orphan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(platform, "open_exit_watch", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        SessionProcess.adopt(orphan, platform.process_start(orphan) or "")


async def test_released_is_left_running_and_unwatched(spawn: Spawn) -> None:
    process = spawn("import time; time.sleep(60)")
    process.release()
    process.release()
    assert process.running
    bury(process.pid)
    await asyncio.sleep(0)
    assert not process.exited.done()


# Descendants

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


async def test_what_a_session_leaves_behind_is_ended_even_if_it_is_stubborn(
    spawn: Spawn, tmp_path: Path
) -> None:
    process = spawn(
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); "
        "time.sleep(60)"
    )
    await until(lambda: "ready" in log(tmp_path))
    below = process.descendants()
    assert len(below) == 1
    await end_descendants(below, grace=0.1)
    await until(lambda: not below[0].is_running() or below[0].status() == psutil.STATUS_ZOMBIE)
    assert process.running


async def test_ending_what_has_ended_already_is_no_error(spawn: Spawn) -> None:
    process = spawn("pass")
    known = psutil.Process(process.pid)
    await asyncio.wait_for(process.exited, SOON)
    await end_descendants([known], grace=0.1)
    assert process.descendants() == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(3)", ExitStatus(code=3)),
        ("import os; os.kill(os.getpid(), 9)", ExitStatus(signal=signal.SIGKILL)),
    ],
)
async def test_a_child_that_ended_between_two_images_of_the_daemon_tells_how_and_is_no_zombie(
    code: str, status: ExitStatus
) -> None:
    pid, start = await ended_child(code)
    with pytest.raises(ProcessGoneError) as gone:
        SessionProcess.adopt(pid, start)
    assert gone.value.status == status
    assert not psutil.pid_exists(pid)


async def test_a_child_that_cannot_be_watched_because_it_has_ended_tells_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_: int) -> int:
        raise ProcessLookupError

    # macOS watches no process that has ended already.
    monkeypatch.setattr(platform, "open_exit_watch", gone)
    pid, start = await ended_child("import sys; sys.exit(3)")
    with pytest.raises(ProcessGoneError) as told:
        SessionProcess.adopt(pid, start)
    assert told.value.status == ExitStatus(code=3)


async def test_the_end_of_another_child_with_the_same_number_is_not_taken_away() -> None:
    pid, start = await ended_child("import sys; sys.exit(3)")
    with pytest.raises(ProcessGoneError) as gone:
        SessionProcess.adopt(pid, f"{start}1")
    assert gone.value.status == ExitStatus()
    assert platform.is_zombie(pid), "its own session will ask how it ended"
    bury(pid)


async def ended_child(code: str) -> tuple[int, str]:
    """The number and the start of a child of ours that nobody has waited for."""
    child = subprocess.Popen([sys.executable, "-c", code])  # noqa: ASYNC220 - it is not waited for
    start = platform.process_start(child.pid)
    assert start
    await until(lambda: platform.is_zombie(child.pid))
    child.returncode = 0
    return child.pid, start

"""The same functions on every system, tried on processes of our own."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import platform
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits until its standard input is closed."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    made = subprocess.Popen(command, stdin=subprocess.PIPE)
    yield made
    made.kill()
    made.communicate()


def ended(child: subprocess.Popen[bytes]) -> None:
    """Let it end, and leave it as a zombie."""
    assert child.stdin
    child.stdin.close()
    wait_until(lambda: platform.is_zombie(child.pid))


def test_the_peer_of_a_socket_is_this_user_and_process() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert platform.peer_user(one) == (os.getuid(), os.getpid())


def test_a_start_stays_the_same_and_tells_processes_apart(child: subprocess.Popen[bytes]) -> None:
    start = platform.process_start(child.pid)
    assert start
    assert platform.process_start(child.pid) == start
    assert platform.process_start(1) != start


def test_a_process_that_is_no_more_has_no_start(child: subprocess.Popen[bytes]) -> None:
    ended(child)
    assert platform.process_start(child.pid), "a zombie still holds its pid"
    child.wait()
    assert platform.process_start(child.pid) is None
    assert not platform.is_zombie(child.pid)


def test_a_name_with_blanks_and_parentheses_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    try:
        start = platform.process_start(process.pid)
        assert start
        assert start.isdigit()
        assert not platform.is_zombie(process.pid)
    finally:
        process.kill()
        process.wait()


def test_the_watch_fires_when_the_process_ends_and_not_before(
    child: subprocess.Popen[bytes],
) -> None:
    watch = platform.open_exit_watch(child.pid)
    try:
        assert not platform.has_ended(watch)
        assert select.select([watch], [], [], 0)[0] == []
        assert child.stdin
        child.stdin.close()
        assert select.select([watch], [], [], 30)[0] == [watch]
        assert platform.has_ended(watch)
        assert platform.has_ended(watch), "however often it is asked"
        child.wait()
        assert platform.has_ended(watch)
    finally:
        os.close(watch)


def test_there_is_no_watch_on_a_process_that_is_no_more(child: subprocess.Popen[bytes]) -> None:
    ended(child)
    child.wait()
    with pytest.raises(ProcessLookupError):
        platform.open_exit_watch(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have pids on Linux only")
def test_the_number_of_a_thread_is_no_process() -> None:
    import threading

    go, numbers = threading.Event(), []

    def work() -> None:
        numbers.append(threading.get_native_id())
        go.wait()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: numbers)
    try:
        with pytest.raises(ProcessLookupError):
            platform.open_exit_watch(numbers[0])
    finally:
        go.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_a_system_that_does_not_tell_is_no_proof_of_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        platform.process_start(os.getpid())


def test_the_working_directory_of_a_process_is_told(tmp_path: Path) -> None:
    process = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
    try:
        wait_until(lambda: platform.working_directory(process.pid) == str(tmp_path.resolve()))
    finally:
        process.kill()
        process.wait()
    assert platform.working_directory(process.pid) is None


def test_terminals_are_counted() -> None:
    counted = platform.terminals()
    leader, follower = os.openpty()
    try:
        with_mine = platform.terminals()
    finally:
        os.close(leader)
        os.close(follower)

    # Others on this machine open and close theirs meanwhile.
    assert counted is not None
    assert with_mine is not None
    assert 0 < with_mine[0] <= with_mine[1]
    assert counted[1] == with_mine[1]


def test_a_nice_process_is_nice_to_other_sessions_too() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        platform.be_nice(child.pid, 7)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 7
        group = Path(f"/proc/{child.pid}/autogroup")
        if group.exists() and group.read_text().strip():
            assert group.read_text().split()[-1] == "7"
    finally:
        child.kill()
        child.wait()
    platform.be_nice(child.pid, 7)

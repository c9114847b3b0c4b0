from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from kaimond import runtime, start_daemon
from kaimond.service_manager import service_state
from tests.shim.conftest import Daemon, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COUNTED = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\n"
"""Writes its process id where the test counts the starts, before it goes on."""


def counted(directory: Path, then: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", COUNTED + then, str(directory / "starts"), *arguments]


def starts(directory: Path) -> list[int]:
    path = directory / "starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def stub(directory: Path) -> list[str]:
    command = Daemon(directory).command()
    return counted(directory, "os.execv(sys.argv[2], sys.argv[2:])", *command)


def many(directory: Path, number: int, command: list[str]) -> list[tuple[bool, str]]:
    """Let that many processes start a daemon at once; return (connected, reason) of each."""
    code = (
        "import sys; from kaimond import start_daemon; "
        "v = start_daemon.start(sys.argv[1], 30, sys.argv[2:]); "
        "print(v.sock is not None, v.reason)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, str(directory), *command],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    return [(output.startswith("True"), output.partition(" ")[2].strip()) for output in outputs]


def end_daemon(directory: Path) -> None:
    for pid in starts(directory):
        os.kill(pid, 9)


def test_twenty_clients_at_once_start_one_daemon(directory: Path) -> None:
    try:
        outcomes = many(directory, 20, stub(directory))
        assert outcomes == [(True, "")] * 20
        assert len(starts(directory)) == 1
    finally:
        end_daemon(directory)


def test_clients_that_waited_for_a_start_that_fails_do_not_repeat_it(directory: Path) -> None:
    slowly = "import time; time.sleep(2); print('kaimond.toml, line 3: no'); sys.exit(5)"
    outcomes = many(directory, 5, counted(directory, slowly))
    assert len(starts(directory)) == 1
    reason = "kaimond did not start (exit code 5). It said: kaimond.toml, line 3: no"
    assert outcomes == [(False, reason)] * 5


def test_a_start_after_a_failed_one_is_a_new_try(directory: Path) -> None:
    failing = counted(directory, "sys.exit(1)")
    assert start_daemon.start(str(directory), 10, failing).code == 1
    assert start_daemon.start(str(directory), 10, failing).code == 1
    assert len(starts(directory)) == 2


def test_the_daemons_last_words_are_told_without_control_characters(directory: Path) -> None:
    talk = "print('\\x1b[31mred\\x07'); print('second'); sys.exit(3)"
    verdict = start_daemon.start(str(directory), 10, counted(directory, talk))
    assert verdict.code == 3
    assert "It said: ?[31mred? / second" in verdict.reason


def test_a_daemon_killed_by_a_signal_is_told_so(directory: Path) -> None:
    verdict = start_daemon.start(str(directory), 10, counted(directory, "os.kill(os.getpid(), 9)"))
    assert "(signal 9). It said nothing." in verdict.reason


def test_a_failed_start_is_no_failure_if_another_daemon_is_there(directory: Path) -> None:
    # The service manager's daemon was starting too: ours says so and ends, theirs listens.
    code = (
        "import subprocess; subprocess.Popen(sys.argv[2:]); print('already running'); sys.exit(1)"
    )
    later = "import time; time.sleep(0.5); os.execv(sys.argv[2], sys.argv[2:])"
    other = counted(directory, later, *Daemon(directory).command())
    try:
        verdict = start_daemon.start(
            str(directory), 10, [sys.executable, "-c", f"import sys; {code}", "", *other]
        )
        assert verdict.sock
        verdict.sock.close()
    finally:
        end_daemon(directory)


LOCKING = (
    "import fcntl, time; lock = open(sys.argv[2], 'a'); os.set_inheritable(lock.fileno(), True); "
    "fcntl.flock(lock, fcntl.LOCK_EX); print('locked', flush=True); time.sleep(2.5); "
)
"""Holds the daemon's lock for longer than a socket is waited for without it."""


def locked(directory: Path, then: str, *arguments: str) -> subprocess.Popen[bytes]:
    lock = str(directory / runtime.DAEMON_LOCK)
    other = subprocess.Popen(
        [*counted(directory, LOCKING + then), lock, *arguments], stdout=subprocess.PIPE
    )
    assert other.stdout
    with other.stdout:
        assert other.stdout.readline() == b"locked\n"
    return other


def test_a_daemon_that_holds_its_lock_is_waited_for_however_slowly_it_comes_up(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_daemon, "ENDING_LIMIT", 0)
    other = locked(directory, "os.execv(sys.argv[3], sys.argv[3:])", *Daemon(directory).command())
    try:
        verdict = start_daemon.start(str(directory), 30, [sys.executable, "-c", "exit(1)"])
        assert verdict.sock
        verdict.sock.close()
    finally:
        other.kill()
        other.wait()


def test_a_daemon_that_was_ending_is_followed_by_a_new_one(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_daemon, "ENDING_LIMIT", 0)
    other = locked(directory, "")
    refused = (
        "import fcntl, subprocess, sys\nlock = open(sys.argv[1], 'a')\n"
        "try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: sys.exit(1)\n"
        "subprocess.Popen(sys.argv[2:])"
    )
    lock = str(directory / runtime.DAEMON_LOCK)
    command = [sys.executable, "-c", refused, lock, *stub(directory)]
    try:
        verdict = start_daemon.start(str(directory), 30, command)
        assert verdict.sock
        verdict.sock.close()
    finally:
        other.wait()
        for pid in starts(directory)[1:]:
            os.kill(pid, 9)


def test_a_daemon_that_detaches_and_dies_is_not_waited_for_for_ever(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_daemon, "DETACHED_LIMIT", 0.3)
    verdict = start_daemon.start(str(directory), 10, counted(directory, "print('hm')"))
    assert "has not opened" in verdict.reason
    assert "It said: hm" in verdict.reason


def test_an_unsafe_directory_is_an_error_and_not_a_start(directory: Path) -> None:
    directory.chmod(0o755)
    verdict = start_daemon.start(str(directory), 10, counted(directory, ""))
    assert f"chmod 700 {directory}" in verdict.reason
    assert starts(directory) == []


def test_a_socket_path_that_is_too_long_is_an_error_and_not_a_start(directory: Path) -> None:
    deep = directory / ("x" * runtime.MAX_SOCKET_PATH)
    verdict = start_daemon.start(str(deep), 10, counted(directory, ""))
    assert "shorter directory" in verdict.reason
    assert starts(directory) == []


def test_a_program_that_is_missing_is_told(directory: Path) -> None:
    verdict = start_daemon.start(str(directory), 10, [str(directory / "missing")])
    assert "could not be started" in verdict.reason
    assert "No daemon is running" in verdict.reason


def test_what_the_service_manager_cannot_start_is_started_directly(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = counted(directory, "print('the truth'); sys.exit(3)")
    for refusal in (counted(directory, "sys.exit(5)"), [str(directory / "missing")]):
        monkeypatch.setattr(start_daemon, "commands", lambda _, tried=refusal: [tried, failing])
        verdict = start_daemon.start(str(directory), 30)
        assert verdict.reason == "kaimond did not start (exit code 3). It said: the truth"
    assert len(starts(directory)) == 3


def test_what_the_service_manager_has_started_is_not_started_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "import subprocess; subprocess.Popen(sys.argv[2:])"
    managed = [sys.executable, "-c", f"import sys; {command}", "", *stub(directory)]
    direct = counted(directory, "sys.exit(3)")
    monkeypatch.setattr(start_daemon, "commands", lambda _: [managed, direct])
    try:
        verdict = start_daemon.start(str(directory), 30)
        assert verdict.sock
        verdict.sock.close()
        assert len(starts(directory)) == 1
    finally:
        end_daemon(directory)


def test_a_service_that_is_installed_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_state, "start_command", lambda *_, **__: ["systemctl"])
    assert start_daemon.commands("/run") == [["systemctl"], start_daemon.daemon_command()]
    monkeypatch.setattr(service_state, "start_command", lambda *_, **__: None)
    assert start_daemon.commands("/run") == [start_daemon.daemon_command()]


def test_the_daemon_gets_its_own_session_and_a_private_log(directory: Path) -> None:
    tell = (
        "print(os.getsid(0) == os.getpid(), os.read(0, 1), os.getcwd() in sys.path, '' in sys.path,"
        " flush=True); sys.exit(1)"
    )
    start_daemon.start(str(directory), 10, counted(directory, tell))
    log = directory / runtime.START_LOG
    assert log.read_text().startswith("True b''")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_users_project_is_not_on_the_daemons_import_path() -> None:
    assert "-P" in start_daemon.daemon_command()


def test_the_start_lock_is_free_after_every_verdict(directory: Path) -> None:
    failing = counted(directory, "sys.exit(1)")
    starter = start_daemon.Starter(str(directory), failing)
    wait_for(starter.step)
    other = start_daemon.Starter(str(directory), failing)
    assert other._take_lock()
    other.close()


def test_a_daemon_that_is_still_ending_is_waited_for(directory: Path) -> None:
    with (directory / "kaimond.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        starter = start_daemon.Starter(str(directory), counted(directory, "sys.exit(1)"))
        for _ in range(10):
            assert starter.step() is None
            time.sleep(0.01)
        assert starts(directory) == []
    assert wait_for(starter.step).code == 1
    assert len(starts(directory)) == 1


def test_a_step_never_blocks(directory: Path) -> None:
    hanging = counted(directory, "import time; time.sleep(3600)")
    starter = start_daemon.Starter(str(directory), hanging)
    try:
        wait_for(lambda: starter.step() or starts(directory))
        for _ in range(20):
            assert starter.step() is None
        assert starter._process is not None
        assert starter._process.poll() is None
    finally:
        starter.close()
        assert starter._process is not None
        starter._process.kill()
        starter._process.wait()


def test_a_full_backlog_is_no_reason_to_hang(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        path = str(directory / runtime.CONTROL_SOCKET)
        listener.bind(path)
        listener.listen(0)
        waiting = []
        while True:
            sock = start_daemon.connect(path)
            if not sock:
                break
            waiting.append(sock)
            assert len(waiting) < 1000
        for sock in waiting:
            sock.close()

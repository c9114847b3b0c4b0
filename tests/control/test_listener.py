"""One daemon, one owner, nobody else."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kaimond.control.listener import AlreadyRunningError, DaemonLock, listen, retire
from kaimond.daemonize import activation
from kaimond.runtime import (
    SocketPathTooLongError,
    UnsafeDirectoryError,
    daemon_lock_held,
    nobody_answers,
)
from tests.control.conftest import socket_listens

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.paths import Paths


def test_the_runtime_directory_is_made_closed_to_others(where: Paths) -> None:
    DaemonLock(where).release()
    assert stat.S_IMODE(where.runtime.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_runtime_directory_that_is_open_to_others_is_refused_with_the_cure(
    where: Paths, mode: int
) -> None:
    where.runtime.mkdir()
    where.runtime.chmod(mode)
    with pytest.raises(UnsafeDirectoryError) as caught:
        DaemonLock(where)
    assert f"chmod 700 {where.runtime}" in str(caught.value)
    assert not list(where.runtime.iterdir())


def test_a_runtime_directory_that_is_a_link_is_refused(where: Paths, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    where.runtime.symlink_to(tmp_path)
    with pytest.raises(UnsafeDirectoryError, match="symbolic link"):
        DaemonLock(where)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make somebody else's directory")
def test_a_runtime_directory_of_somebody_else_is_refused(where: Paths) -> None:
    where.runtime.mkdir(mode=0o700)
    os.chown(where.runtime, 65534, 65534)
    with pytest.raises(UnsafeDirectoryError, match="belongs to user 65534"):
        DaemonLock(where)


def test_a_path_that_is_too_long_for_a_socket_is_refused_before_anything_is_locked(
    where: Paths,
) -> None:
    long = replace(where, runtime=where.runtime / ("x" * 100))
    with pytest.raises(SocketPathTooLongError, match="KAIMON_RUNTIME_DIR"):
        DaemonLock(long)


def test_a_second_daemon_says_who_is_running(where: Paths) -> None:
    lock = DaemonLock(where)
    with pytest.raises(AlreadyRunningError, match="another kaimond is starting or stopping"):
        DaemonLock(where)
    lock.announce()
    with pytest.raises(AlreadyRunningError) as caught:
        DaemonLock(where)
    assert f"pid {os.getpid()} is already running" in str(caught.value)
    assert str(where.control_socket) in str(caught.value)
    lock.release()


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "{"])
def test_a_damaged_announcement_does_not_hide_that_a_daemon_runs(
    where: Paths, content: str
) -> None:
    lock = DaemonLock(where)
    where.pid_file.write_text(content)
    with pytest.raises(AlreadyRunningError, match="already running"):
        DaemonLock(where)
    lock.release()


def test_after_the_release_the_next_daemon_gets_the_same_lock_file(where: Paths) -> None:
    lock = DaemonLock(where)
    lock.announce()
    first = where.lock_file.stat().st_ino
    lock.release()
    assert not where.pid_file.exists()
    second = DaemonLock(where)
    assert where.lock_file.stat().st_ino == first, "two daemons could lock two files of one name"
    second.release()


def test_a_lock_file_that_cannot_be_opened_is_told_in_words(where: Paths) -> None:
    where.runtime.mkdir(mode=0o700)
    where.lock_file.mkdir()
    with pytest.raises(UnsafeDirectoryError) as caught:
        DaemonLock(where)
    assert str(where.lock_file) in str(caught.value)


def test_the_announcement_says_where_to_find_the_daemon(where: Paths) -> None:
    lock = DaemonLock(where)
    lock.announce()
    facts = json.loads(where.pid_file.read_text())
    assert facts["pid"] == os.getpid()
    assert facts["socket"] == str(where.control_socket)
    assert sorted(file.name for file in where.runtime.iterdir()) == [
        "kaimond.json",
        "kaimond.lock",
    ]
    lock.release()


def test_the_socket_is_for_its_owner_only_whatever_the_umask(where: Paths) -> None:
    lock = DaemonLock(where)
    before = os.umask(0)
    try:
        listener = listen(lock, where.control_socket)
    finally:
        os.umask(before)
    assert stat.S_IMODE(where.control_socket.stat().st_mode) == 0o600
    listener.close()
    lock.release()


def test_a_socket_that_a_dead_daemon_left_is_replaced(where: Paths) -> None:
    lock = DaemonLock(where)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(where.control_socket))
    listener = listen(lock, where.control_socket)
    assert socket_listens(where.control_socket)
    listener.close()
    lock.release()


def test_who_only_looks_is_not_in_the_way_of_a_daemon(where: Paths) -> None:
    DaemonLock(where).release()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            daemon_lock_held(str(where.runtime))
            time.sleep(0.001)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            DaemonLock(where).release()
    finally:
        ended.set()
        looking.join()


def test_whether_a_daemon_holds_its_lock_can_be_told(where: Paths) -> None:
    def seen() -> tuple[bool | None, bool]:
        return daemon_lock_held(str(where.runtime)), nobody_answers(str(where.runtime))

    assert seen() == (None, False)
    lock = DaemonLock(where)
    assert seen() == (True, True)
    lock.announce()
    assert seen() == (True, False)
    lock.release()
    assert seen() == (False, True)


def test_a_socket_of_the_service_manager_is_served_and_its_path_is_left(
    where: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = DaemonLock(where)
    with socket.socket(socket.AF_UNIX) as managers:
        managers.bind(str(where.control_socket))
        managers.listen(8)
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        monkeypatch.setattr(activation.take, "__defaults__", (os.dup(managers.fileno()),))
        listener = listen(lock, where.control_socket)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(where.control_socket))
            _accept(listener).close()
        listener.close()
        lock.announce()
        assert not nobody_answers(str(where.runtime))
        retire(where)
        assert nobody_answers(str(where.runtime)), "the next daemon would be started for the idle"
        assert socket_listens(where.control_socket)
    monkeypatch.delenv("LISTEN_PID")
    retire(where)
    assert not where.control_socket.exists()
    lock.release()


def _accept(listener: socket.socket) -> socket.socket:
    """The next client; one that only probed whether somebody listens is before it."""
    listener.settimeout(30)
    probe, _ = listener.accept()
    probe.close()
    peer, _ = listener.accept()
    return peer

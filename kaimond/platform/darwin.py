"""macOS: LOCAL_PEERCRED, psutil and kqueue."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import socket

    from kaimond.platform.thread import Thread

# Python has no names for these; values from <sys/un.h>.
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 0x001
_LOCAL_PEERPID = 0x002
_XUCRED_VERSION = 0
_XUCRED_SIZE = 76


def peer_user(sock: socket.socket) -> tuple[int, int]:
    """Return the (user id, pid) of whoever connected to ``sock``.

    Raises:
        OSError: the kernel does not say; treat it as a stranger.
    """
    raw = sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE)
    version, uid = struct.unpack_from("=II", raw)
    if version != _XUCRED_VERSION:
        raise OSError(errno.EPROTO, "unknown version of the peer's credentials")
    (pid,) = struct.unpack("=i", sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    return uid, pid


def process_start(pid: int) -> str | None:
    """Return when ``pid`` started, in microseconds since the epoch as the kernel recorded it."""
    try:
        return str(round(psutil.Process(pid).create_time() * 1_000_000))
    except psutil.Error:
        return None


def is_zombie(pid: int) -> bool:
    """Return whether ``pid`` has ended but was not waited for."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def open_exit_watch(pid: int) -> int:
    """Return a kqueue: readable once ``pid`` has ended, also if it is not our child.

    Raises:
        ProcessLookupError: there is no such process.
    """
    queue = select.kqueue()  # type: ignore[attr-defined,unused-ignore]
    event = select.kevent(  # type: ignore[attr-defined,unused-ignore]
        pid,
        filter=select.KQ_FILTER_PROC,  # type: ignore[attr-defined,unused-ignore]
        flags=select.KQ_EV_ADD | select.KQ_EV_ONESHOT,  # type: ignore[attr-defined,unused-ignore]
        fflags=select.KQ_NOTE_EXIT,  # type: ignore[attr-defined,unused-ignore]
    )
    try:
        queue.control([event], 0)
    except OSError as error:
        queue.close()
        raise ProcessLookupError(error.errno, f"no process {pid}") from None
    # The caller owns a plain descriptor, as on Linux; the object must not close it again.
    descriptor = os.dup(queue.fileno())
    queue.close()
    return descriptor


def has_ended(watch: int) -> bool:
    """Return whether the process of an exit watch has ended, without opening anything."""
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    return any(event & select.POLLIN for _, event in poller.poll(0))


def working_directory(pid: int) -> str | None:
    """Return the current directory of ``pid``, or None if it cannot be told."""
    try:
        return str(psutil.Process(pid).cwd())
    except psutil.Error:
        return None


def be_nice(pid: int, niceness: int) -> None:
    """Set the niceness of ``pid``."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)


def terminals() -> tuple[int, int] | None:
    """Return how many pseudoterminals are open and how many may be, or None if unknown."""
    asked = ["/usr/sbin/sysctl", "-n", "kern.tty.ptmx_max"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
        most = int(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return sum(1 for _ in Path("/dev").glob("ttys[0-9]*")), most


def main_thread(pid: int) -> Thread | None:  # noqa: ARG001 - the same as on Linux
    """Return None: macOS does not tell what the main thread of ``pid`` does."""
    return None


def waits_for_events(pid: int) -> bool:  # noqa: ARG001 - the same as on Linux
    """Return False: macOS does not tell whether the main thread sleeps in an event loop."""
    return False


def is_pending(pid: int, number: int) -> bool | None:  # noqa: ARG001 - the same as on Linux
    """Return None: macOS does not tell whether a signal is still on its way."""
    return None


def executing(pid: int, looks: int) -> list[str]:  # noqa: ARG001 - the same signature as Linux
    """Return nothing: macOS does not let us look at what the main thread executes."""
    return []

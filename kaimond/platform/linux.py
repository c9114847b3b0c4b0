"""Linux: SO_PEERCRED, /proc and pidfds."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from pathlib import Path

_UCRED = struct.Struct("3i")


def peer_user(sock: socket.socket) -> tuple[int, int]:
    """The (user id, pid) of whoever connected to ``sock``.

    Raises:
        OSError: the kernel does not say; treat it as a stranger.
    """
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _gid = _UCRED.unpack(raw)
    return uid, pid


def _stat_fields(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        # Any other error (too many open files) says nothing of the process and is passed on.
        return None
    # The second field is the program's name in parentheses and may hold anything, also ")".
    return text[text.rfind(")") + 2 :].split()


def process_start(pid: int) -> str | None:
    """When ``pid`` started, in clock ticks since boot (field 22 of proc(5)'s stat).

    Unlike a wall-clock time it does not move when somebody sets the clock.
    """
    fields = _stat_fields(pid)
    return fields[19] if fields and len(fields) > 19 else None  # noqa: PLR2004 - field 22


def is_zombie(pid: int) -> bool:
    """Whether ``pid`` has ended but was not waited for."""
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in "ZX"


def open_exit_watch(pid: int) -> int:
    """A pidfd: readable once ``pid`` has ended, also if it is not our child.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        # Linux says these of a thread that has the number now.
        if error.errno in (errno.EINVAL, errno.ENOENT):
            raise ProcessLookupError(errno.ESRCH, f"no process {pid}") from None
        raise


def has_ended(watch: int) -> bool:
    """Whether the process of an exit watch has ended, asked without opening anything."""
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    return any(event & select.POLLIN for _, event in poller.poll(0))


def working_directory(pid: int) -> str | None:
    """The current directory of ``pid``, or None if it cannot be told."""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return None


def terminals() -> tuple[int, int] | None:
    """The numbers of pseudoterminals that are open and that may be, or None if nobody says."""
    kernel = Path("/proc/sys/kernel/pty")
    try:
        used, most = (int((kernel / name).read_text(encoding="ascii")) for name in ("nr", "max"))
    except (OSError, ValueError):
        return None
    return used, most

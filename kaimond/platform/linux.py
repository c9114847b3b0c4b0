"""Linux: SO_PEERCRED, /proc and pidfds."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import select
import socket
import struct
import time
from pathlib import Path
from typing import Final

from kaimond.platform.thread import Thread

_EPOLL_CALLS: Final = {"x86_64": ("232", "281"), "aarch64": ("22",)}
"""System call numbers of epoll_wait and epoll_pwait, which differ between processors."""

_libc = ctypes.CDLL(None)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long
_UCRED = struct.Struct("3i")


def peer_user(sock: socket.socket) -> tuple[int, int]:
    """Return the (user id, pid) of whoever connected to ``sock``.

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
        # Any other error (too many open files) says nothing about the process and is passed on.
        return None
    # The second field is the program's name in parentheses and may contain ")" itself.
    return text[text.rfind(")") + 2 :].split()


def process_start(pid: int) -> str | None:
    """Return when ``pid`` started, in clock ticks since boot (field 22 of proc(5)'s stat).

    Unlike a wall-clock time it does not change when somebody sets the clock.
    """
    fields = _stat_fields(pid)
    return fields[19] if fields and len(fields) > 19 else None  # noqa: PLR2004 - field 22


def is_zombie(pid: int) -> bool:
    """Return whether ``pid`` has ended but was not waited for."""
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in "ZX"


def open_exit_watch(pid: int) -> int:
    """Return a pidfd: readable once ``pid`` has ended, also if it is not our child.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        # Linux reports these if a thread has the number now.
        if error.errno in (errno.EINVAL, errno.ENOENT):
            raise ProcessLookupError(errno.ESRCH, f"no process {pid}") from None
        raise


def has_ended(watch: int) -> bool:
    """Return whether the process of an exit watch has ended, without opening anything."""
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    return any(event & select.POLLIN for _, event in poller.poll(0))


def working_directory(pid: int) -> str | None:
    """Return the current directory of ``pid``, or None if it cannot be told."""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return None


def be_nice(pid: int, niceness: int) -> None:
    """Set the niceness of ``pid``, which has just begun a process session of its own."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        # Where the kernel first divides time among sessions, that counts only within one.
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")


def terminals() -> tuple[int, int] | None:
    """Return how many pseudoterminals are open and how many may be, or None if unknown."""
    kernel = Path("/proc/sys/kernel/pty")
    try:
        used, most = (int((kernel / name).read_text(encoding="ascii")) for name in ("nr", "max"))
    except (OSError, ValueError):
        return None
    return used, most


def main_thread(pid: int) -> Thread | None:
    """Return what the main thread of ``pid`` does; None if unknown.

    The seconds are from the scheduler's own count, so they are right even for milliseconds.
    """
    directory = Path(f"/proc/{pid}/task/{pid}")
    try:
        spent = (directory / "schedstat").read_text(encoding="ascii").split()[0]
        status = (directory / "status").read_text(encoding="utf-8", errors="replace")
        waits = int(_line(status, "voluntary_ctxt_switches"))
    except (OSError, IndexError, ValueError):
        return None
    return Thread(int(spent) / 1e9, not _line(status, "State").startswith("R"), waits)


def waits_for_events(pid: int) -> bool:
    """Return whether the main thread of ``pid`` sleeps in epoll_wait or epoll_pwait.

    That is where event loops sleep. False also if the system does not allow us to look.
    """
    try:
        call = Path(f"/proc/{pid}/task/{pid}/syscall").read_text(encoding="ascii").split()[0]
    except (OSError, IndexError):
        return False
    return call in _EPOLL_CALLS.get(platform.machine(), ())


def is_pending(pid: int, number: int) -> bool | None:
    """Return whether a signal to ``pid`` is not taken yet, or its taker is still busy with it."""
    bit = 1 << (number - 1)
    taker = False
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            status = (thread / "status").read_text(encoding="utf-8", errors="replace")
            if int(_line(status, "ShdPnd") or "0", 16) & bit:
                return True
            # While a thread waits for a signal, its mask does not show the signal as blocked.
            taker = taker or not int(_line(status, "SigBlk") or "0", 16) & bit
    except OSError:
        # The process, or one of its threads, has just ended.
        return False
    return not taker


def _line(status: str, name: str) -> str:
    """Return what proc(5)'s status says about `name`, "" if nothing."""
    return status.partition(f"\n{name}:")[2].split("\n", 1)[0].strip()


# ptrace(2) requests and their arguments, from <linux/ptrace.h>.
_PTRACE_CONT: Final = 7
_PTRACE_DETACH: Final = 17
_PTRACE_GETREGSET: Final = 0x4204
_PTRACE_SEIZE: Final = 0x4206
_PTRACE_INTERRUPT: Final = 0x4207
_NT_PRSTATUS: Final = 1
_EVENT_STOP: Final = 128
_PROGRAM_COUNTER: Final = {"x86_64": 16, "aarch64": 32}
"""Which of the 8-byte registers is the program counter."""

_STOP_TIMEOUT: Final = 0.25
_LOOK_EVERY: Final = 0.002


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def executing(pid: int, looks: int) -> list[str]:
    """Return the files whose code the main thread of ``pid`` executes, "" for code in memory.

    Each look stops the thread for some microseconds. Call this on a thread that ends afterwards:
    whatever goes wrong, the kernel then releases the process. It blocks, so that must never be
    the event loop's thread.

    Args:
        pid: a process of the same user.
        looks: how many times to look; one that fails is left out.

    Returns:
        A path or "" for each look, nothing if the system does not allow us to look.
    """
    counter = _PROGRAM_COUNTER.get(platform.machine())
    if counter is None or _ptrace(_PTRACE_SEIZE, pid, 0) < 0:
        return []
    found: list[int] = []
    for left in range(looks - 1, -1, -1):
        _ptrace(_PTRACE_INTERRUPT, pid, 0)
        signal = _stopped_by(pid)
        if signal is None:
            break
        address = _register(pid, counter)
        if address is not None:
            found.append(address)
        _ptrace(_PTRACE_CONT if left else _PTRACE_DETACH, pid, signal)
        if left:
            # Looks in quick succession would all see the same.
            time.sleep(_LOOK_EVERY)
    return _files_at(pid, found)


def _ptrace(request: int, pid: int, data: int) -> int:
    return int(_libc.ptrace(request, pid, None, data))


def _stopped_by(pid: int) -> int | None:
    """Wait until a traced thread has stopped; return the signal it is still to get, 0 if none."""
    end = time.monotonic() + _STOP_TIMEOUT
    while time.monotonic() < end:
        try:
            stopped = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG)
        except ChildProcessError:
            return None
        if stopped is not None:
            event, number = stopped.si_status >> 8, stopped.si_status & 0xFF
            return 0 if event == _EVENT_STOP else number
        # waitid(2) has no timeout, and a thread that is stuck in a system call stops only when
        # that returns.
        time.sleep(0.0001)
    return None


def _register(pid: int, index: int) -> int | None:
    registers = (ctypes.c_uint64 * 64)()
    vector = _Vector(ctypes.addressof(registers), ctypes.sizeof(registers))
    done = _libc.ptrace(_PTRACE_GETREGSET, pid, _NT_PRSTATUS, ctypes.addressof(vector))
    return int(registers[index]) if done == 0 else None


def _files_at(pid: int, addresses: list[int]) -> list[str]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    ranges = []
    for line in lines:
        span, _, rest = line.partition(" ")
        begin, _, end = span.partition("-")
        words = rest.split(maxsplit=4)
        ranges.append((int(begin, 16), int(end, 16), words[4] if len(words) > 4 else ""))  # noqa: PLR2004 - proc(5)
    return [path for address in addresses for begin, end, path in ranges if begin <= address < end]

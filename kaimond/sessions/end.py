"""The way down: ask, then insist, and leave nothing behind.

What a session has started goes with it, as far as it is in the process session that its Julia
leads: an editor or a service that was given one of its own, as by `setsid` or Julia's `detach`,
goes on. Only Distributed's workers are ended though Julia detaches them, as one that computes would
not notice the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Final

import psutil

from kaimond.gate.link import GateSilentError
from kaimond.interrupts.ask_gate import load
from kaimond.julia_process.process import end_descendants
from kaimond.toolchain.start_plan import BOOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.julia_process.live import LiveProcess
    from kaimond.julia_process.process import SessionProcess

_log = logging.getLogger("kaimond.sessions")

MARK: Final = "KAIMON_SESSION"
"""The variable by which every descendant of a session is known, whatever it did to its parents."""

_WORKER: Final = {"--bind-to", "--worker"}
"""Arguments that Distributed gives to a worker on this machine."""

_KILL_TIMEOUT: Final = 10.0
"""Seconds until a killed process is given up as stuck in the kernel."""

GRACE: Final = 1.0
"""Seconds that children of an ended session get between SIGTERM and SIGKILL."""


async def end_process(key: str, live: LiveProcess, timeout: float, *, ask: bool = False) -> bool:
    """End a session's process and its descendants.

    A free gate is asked to exit, so that Julia runs its own exit hooks; a process that is busy,
    deaf or does not obey gets SIGTERM and then SIGKILL.

    Args:
        key: of the session.
        live: its process and link.
        timeout: seconds for each rung of the ladder, on a machine without other load.
        ask: whether the gate is free to be asked.

    Returns:
        Whether the process is gone.
    """
    process = live.process
    # A stopped process takes no signal but SIGKILL before it is continued.
    process.signal(signal.SIGCONT)
    if ask:
        with contextlib.suppress(GateSilentError):
            await live.link.request("exit", timeout=timeout)
            # Under load Julia's exit takes longer, and SIGTERM makes one that compiles crash.
            await process.wait(timeout * load())
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.exited.done():
            break
        _log.info("sending %s to %d", number.name, process.pid, extra={"session": key})
        process.signal(number)
        await process.wait(timeout if number is signal.SIGTERM else _KILL_TIMEOUT)
    await end_leftovers(key, process.pid)
    return process.exited.done()


def children_to_end(process: SessionProcess) -> list[psutil.Process]:
    """The descendants of a session's process that go with its image."""
    return _bound(process.descendants(), _session_of(process.pid))


async def end_leftovers(key: str, leader: int) -> None:
    """End what an ended session has left running, found by the mark in its environment.

    Args:
        key: of the session.
        leader: pid that its process has, or had; 0 if nobody knows.
    """
    found = await asyncio.to_thread(_marked)
    await _end(key, _bound([process for mark, process in found if mark == key], leader))


async def end_strays(ended: Callable[[str], bool], leader: Callable[[str], int]) -> None:
    """End what sessions have left running that ended while nobody could see to it.

    Args:
        ended: whether the session with a key is known and has ended.
        leader: pid that the process of such a session had.
    """
    strays: dict[str, list[psutil.Process]] = {}
    for mark, process in await asyncio.to_thread(_marked):
        if ended(mark):
            strays.setdefault(mark, []).append(process)
    await asyncio.gather(
        *(_end(key, _bound(processes, leader(key))) for key, processes in strays.items())
    )


def _bound(processes: list[psutil.Process], leader: int) -> list[psutil.Process]:
    """Those in the process session of ``leader``, or of one of the session's own Julias."""
    leaders = {leader} | {process.pid for process in processes if _is_own_julia(process)}
    return [process for process in processes if _session_of(process.pid) in leaders]


def _is_own_julia(process: psutil.Process) -> bool:
    """Whether it runs the gate, so that it need not have been noted, or is a worker."""
    try:
        arguments = process.cmdline()
    except (psutil.Error, OSError):
        return False
    return str(BOOT) in arguments or set(arguments) >= _WORKER


def _session_of(pid: int) -> int:
    """The process session of a process, or -1 if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return -1


async def _end(key: str, leftovers: list[psutil.Process]) -> None:
    if leftovers:
        names = ", ".join(str(process.pid) for process in leftovers)
        _log.info("ending what the session left behind: %s", names, extra={"session": key})
        await end_descendants(leftovers, GRACE)


def _marked() -> list[tuple[str, psutil.Process]]:
    """All processes that carry a session's mark, with it."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            # A daemon that was started from within a session carries that session's mark.
            continue
        try:
            key = process.environ().get(MARK)
        except (psutil.Error, OSError):
            continue
        if key:
            found.append((key, process))
    return found

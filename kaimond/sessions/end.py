"""Ends session processes: asks first, then uses signals, and cleans up descendants.

What Julia has started and is still below it ends with its process image, and so does what is left
in the process session that it leads. A process that has left both, such as an editor that a
launcher has opened, keeps running. Distributed's workers are ended even then: Julia detaches them,
and one that is computing would not notice that the session has ended.
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

_log = logging.getLogger("kaimond.sessions")

MARK: Final = "KAIMON_SESSION"
"""Environment variable that identifies every descendant of a session, even if reparented."""

_WORKER: Final = {"--bind-to", "--worker"}
"""Arguments that Distributed passes to a local worker."""

_KILL_TIMEOUT: Final = 10.0
"""Seconds after which a killed process is considered stuck in the kernel."""

GRACE: Final = 1.0
"""Seconds that children of an ended session get between SIGTERM and SIGKILL."""


async def end_process(key: str, live: LiveProcess, timeout: float, *, ask: bool = False) -> bool:
    """End a session's process and its descendants.

    A free gate is asked to exit, so that Julia runs its exit hooks; a process that is busy,
    unresponsive or does not exit gets SIGTERM and then SIGKILL.

    Args:
        key: the session's key.
        live: its process and link.
        timeout: seconds for each step, on a machine without other load.
        ask: whether the gate is free to be asked.

    Returns:
        Whether the process is gone.
    """
    process = live.process
    # A stopped process handles no signal but SIGKILL until it is continued.
    process.signal(signal.SIGCONT)
    if ask:
        with contextlib.suppress(GateSilentError):
            await live.link.request("exit", timeout=timeout)
            # Under load Julia takes longer to exit, and SIGTERM crashes it if it is compiling.
            await process.wait(timeout * load())
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.exited.done():
            break
        _log.info("sending %s to %d", number.name, process.pid, extra={"session": key})
        process.signal(number)
        await process.wait(timeout if number is signal.SIGTERM else _KILL_TIMEOUT)
    await end_leftovers(key, process.pid)
    return process.exited.done()


async def end_leftovers(key: str, leader: int) -> None:
    """End the processes an ended session left running, found by `MARK` in their environment.

    Args:
        key: the session's key.
        leader: pid of its current or former process; 0 if unknown.
    """
    found = await asyncio.to_thread(_marked)
    await _end(key, _bound([process for mark, process in found if mark == key], leader))


async def end_strays(ended: Callable[[str], bool], leader: Callable[[str], int]) -> None:
    """End leftover processes of sessions that ended while no daemon was running.

    Args:
        ended: whether a key belongs to a known session that has ended.
        leader: returns the pid that such a session's process had.
    """
    strays: dict[str, list[psutil.Process]] = {}
    for mark, process in await asyncio.to_thread(_marked):
        if ended(mark):
            strays.setdefault(mark, []).append(process)
    await asyncio.gather(
        *(_end(key, _bound(processes, leader(key))) for key, processes in strays.items())
    )


def _bound(processes: list[psutil.Process], leader: int) -> list[psutil.Process]:
    """Select those in the process session of ``leader`` or of one of the session's own Julias."""
    leaders = {leader} | {process.pid for process in processes if _is_own_julia(process)}
    return [process for process in processes if _session_of(process.pid) in leaders]


def _is_own_julia(process: psutil.Process) -> bool:
    """Return whether a process is a worker, or runs the gate (its pid may not be recorded)."""
    try:
        arguments = process.cmdline()
    except (psutil.Error, OSError):
        return False
    return str(BOOT) in arguments or set(arguments) >= _WORKER


def _session_of(pid: int) -> int:
    """Return the process session of a process, or -1 if it is gone."""
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
    """Return all processes that carry a session's mark, each with that session's key."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            # A daemon started from within a session carries that session's mark.
            continue
        try:
            key = process.environ().get(MARK)
        except (psutil.Error, OSError):
            continue
        if key:
            found.append((key, process))
    return found

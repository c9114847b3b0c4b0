"""Describes what a silent process does, judging by the CPU time of it and its children."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import psutil

from kaimond.julia_process import code_location
from kaimond.julia_process.code_location import Place

STRETCH: Final = 0.25
"""Minimum seconds between two samples."""

FRESH: Final = 15.0
"""Seconds after which an earlier sample is too old to compare with."""

_BUSY: Final = 50.0
"""Percentage of one CPU from which on a process counts as computing."""

_IDLE: Final = 5.0

_PRECOMPILES: Final = "--output-incremental=yes"
"""Argument that Julia passes to a process that precompiles a package."""


@dataclass(frozen=True)
class Sample:
    """CPU use of a process at one moment.

    Attributes:
        at: the moment, on the monotonic clock.
        own: seconds of CPU time of all its threads.
        children: seconds of CPU time of each live descendant, by pid and start time.
        names: names of the descendants, by the same keys.
        precompiling: keys of the descendants that precompile a package.
        reaped: seconds of CPU time of children that have ended and been reaped.
        memory: resident bytes.
        stopped: whether a signal has stopped it.
    """

    at: float
    own: float
    children: dict[tuple[int, float], float]
    names: dict[tuple[int, float], str]
    reaped: float
    memory: int
    stopped: bool
    precompiling: frozenset[tuple[int, float]] = frozenset()


def sample(pid: int) -> Sample | None:
    """Return a sample of a process; None if it cannot be inspected."""
    try:
        process = psutil.Process(pid)
        below = process.children(recursive=True)
        with process.oneshot():
            times = process.cpu_times()
            memory = process.memory_info().rss
            stopped = process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return None
    children, names, precompiling = {}, {}, set()
    for child in below:
        try:
            key = (child.pid, child.create_time())
            spent = child.cpu_times()
            children[key], names[key] = spent.user + spent.system, child.name()
            if _PRECOMPILES in child.cmdline():
                precompiling.add(key)
        except psutil.Error:
            continue
    reaped = times.children_user + times.children_system
    own = times.user + times.system
    at = time.monotonic()
    return Sample(at, own, children, names, reaped, memory, stopped, frozenset(precompiling))


def computes(before: Sample, now: Sample) -> bool:
    """Return whether the process itself used most of a CPU."""
    return now.own - before.own >= _BUSY / 100 * (now.at - before.at)


def activity(before: Sample, now: Sample, *, compiles: bool = False) -> str:
    """Return what the process did between two samples, as a clause without a subject.

    Args:
        before: the earlier sample.
        now: the later one.
        compiles: whether Julia's compiler was seen running after both samples.
    """
    if now.stopped:
        return "stopped by a signal (SIGCONT lets it go on)"
    seconds = max(now.at - before.at, 0.001)
    own = 100 * max(0.0, now.own - before.own) / seconds
    if computes(before, now):
        doing = "compiling, " if compiles else ""
        return f"{doing}using the CPU ({own:.0f} %)"
    # For a child that began in between, count all the CPU time it has used.
    used = {key: spent - before.children.get(key, 0.0) for key, spent in now.children.items()}
    below = 100 * (sum(used.values()) + now.reaped - before.reaped) / seconds
    # When a child is reaped, its earlier CPU time moves from `children` to `reaped`.
    ended = sum(spent for key, spent in before.children.items() if key not in now.children)
    below = max(0.0, below - 100 * ended / seconds)
    # On a busy machine a child gets little CPU time although the process waits for it.
    if below >= _IDLE or now.precompiling:
        return f"{_waiting_for(before, now, used)}, CPU of its children {below:.0f} %"
    if own >= _IDLE:
        return f"using the CPU in part ({own:.0f} %)"
    return f"waiting ({own:.0f} % CPU)"


def _waiting_for(before: Sample, now: Sample, used: dict[tuple[int, float], float]) -> str:
    """Return what a process with computing children waits for, as a clause.

    Args:
        before: the earlier sample.
        now: the later one.
        used: seconds of CPU time that each child used in between.
    """
    precompiling = {key: spent for key, spent in used.items() if key in now.precompiling}
    busiest = max(precompiling or used, key=lambda key: used[key], default=None)
    known = busiest if busiest and (used[busiest] > 0 or precompiling) else None
    named = f"{now.names[known]} ({known[0]})" if known else ""
    if precompiling or before.precompiling:
        return "precompiling packages" + (f" in the child process {named}" if named else "")
    return f"waiting for the child process {named}" if named else "waiting for child processes"


class Activity:
    """The activity of one process, shared by all callers.

    Args:
        pid: the process's pid.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last: Sample | None = None
        self._said: str | None = None
        self._looking = asyncio.Lock()

    async def now(self) -> str:
        """Return a clause, "" if the process cannot be inspected; takes up to `STRETCH` seconds."""
        async with self._looking:
            age = time.monotonic() - self._last.at if self._last else FRESH
            if age < STRETCH and self._said is not None:
                return self._said
            if age >= FRESH:
                self._last, self._said = await asyncio.to_thread(sample, self._pid), None
                age = 0.0
            await asyncio.sleep(max(0.0, STRETCH - age))
            before, now = self._last, await asyncio.to_thread(sample, self._pid)
            self._last, self._said = now, None
            said = ""
            if before and now:
                seen = await code_location.look(self._pid) if computes(before, now) else set()
                doing = activity(before, now, compiles=Place.COMPILER in seen)
                said = f"{doing}, memory {now.memory / 2**20:.0f} MiB"
            self._said = said
            return said

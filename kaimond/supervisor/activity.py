"""What a process does while it says nothing, told from outside: CPU time of it and its children."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import psutil

from kaimond.supervisor import whereabouts
from kaimond.supervisor.whereabouts import Place

STRETCH: Final = 0.25
"""Seconds between two samples at least."""

FRESH: Final = 15.0
"""Seconds after which an earlier sample says too little about this moment."""

_BUSY: Final = 50.0
"""Percent of one CPU from which on a process counts as computing."""

_IDLE: Final = 5.0


@dataclass(frozen=True)
class Sample:
    """What a process had used of the CPU at one moment.

    Attributes:
        at: the moment, on the monotonic clock.
        own: seconds of CPU time, of all its threads.
        children: the same of each process below it that lives, by pid and start.
        names: of those.
        reaped: seconds of those that have ended and were waited for.
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


def sample(pid: int) -> Sample | None:
    """Look at a process now; None if it cannot be seen."""
    try:
        process = psutil.Process(pid)
        below = process.children(recursive=True)
        with process.oneshot():
            times = process.cpu_times()
            memory = process.memory_info().rss
            stopped = process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return None
    children, names = {}, {}
    for child in below:
        try:
            key = (child.pid, child.create_time())
            spent = child.cpu_times()
            children[key], names[key] = spent.user + spent.system, child.name()
        except psutil.Error:
            continue
    reaped = times.children_user + times.children_system
    own = times.user + times.system
    return Sample(time.monotonic(), own, children, names, reaped, memory, stopped)


def computes(before: Sample, now: Sample) -> bool:
    """Whether the process itself used most of a CPU."""
    return now.own - before.own >= _BUSY / 100 * (now.at - before.at)


def activity(before: Sample, now: Sample, *, compiles: bool = False) -> str:
    """What the process did between two samples, as a clause without a subject.

    Args:
        before: the earlier sample.
        now: the later one.
        compiles: whether Julia's compiler was seen at work, after both.
    """
    if now.stopped:
        return "stopped by a signal (SIGCONT lets it go on)"
    seconds = max(now.at - before.at, 0.001)
    own = 100 * max(0.0, now.own - before.own) / seconds
    if computes(before, now):
        doing = "compiling, " if compiles else ""
        return f"{doing}using the CPU ({own:.0f} %)"
    # A child that began in between counts with all that it has used.
    used = {key: spent - before.children.get(key, 0.0) for key, spent in now.children.items()}
    below = 100 * (sum(used.values()) + now.reaped - before.reaped) / seconds
    # What a child had used before it was waited for moves from one sum to the other.
    ended = sum(spent for key, spent in before.children.items() if key not in now.children)
    below = max(0.0, below - 100 * ended / seconds)
    if below >= _IDLE:
        busiest = max(used, key=lambda key: used[key], default=None)
        who = now.names[busiest] if busiest and used[busiest] > 0 else ""
        child = f"the child process {who} ({busiest[0]})" if busiest and who else "child processes"
        return f"waiting for {child}, CPU of its children {below:.0f} %"
    if own >= _IDLE:
        return f"using the CPU in part ({own:.0f} %)"
    return f"waiting ({own:.0f} % CPU)"


class Activity:
    """What one process does, for everybody who asks.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last: Sample | None = None
        self._said: str | None = None
        self._looking = asyncio.Lock()

    async def now(self) -> str:
        """A clause, or "" if the process cannot be seen. Takes `STRETCH` seconds at most."""
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
                seen = await whereabouts.look(self._pid) if computes(before, now) else set()
                doing = activity(before, now, compiles=Place.COMPILER in seen)
                said = f"{doing}, memory {now.memory / 2**20:.0f} MiB"
            self._said = said
            return said

"""Asks a gate to interrupt an eval, and detects whether the gate is mute.

Only a mute gate may get a SIGINT, so a wrong "mute" can kill one of the user's tasks. A gate is
mute if its thread computes without a break, or waits in a single call that is not an event loop. A
thread that alternates between running and waiting passes through its event loop, where it finds
the question, so it may merely be late.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from kaimond import platform
from kaimond.gate.link import GateSilentError

if TYPE_CHECKING:
    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import LiveProcess
    from kaimond.platform.thread import Thread


class Wait(NamedTuple):
    """When a gate that has not answered a question counts as mute.

    Attributes:
        computed: seconds of CPU time its thread must use without waiting. Wall time would not do:
            under load a thread may get no CPU for long, and a signal would then hit whatever runs
            next.
        slept: seconds of wall time, if the thread sleeps or its CPU time is unknown.
    """

    computed: float
    slept: float


HEARD: Final = 0.15
"""Seconds within which a thread that has been waiting, and was woken, handles a question."""

_CHECK_EVERY: Final = 0.005
_MOST_LOAD: Final = 4.0


class Question:
    """A request to interrupt; sent on creation, withdrawn on exit from the context.

    Args:
        live: the session's process and link.
        eval_id: id of the eval or terminal to interrupt.
        limit: seconds after which the answer is no longer awaited.
    """

    def __init__(self, live: LiveProcess, eval_id: str, limit: float) -> None:
        self._live = live
        asking = live.link.request("interrupt", (("eval", eval_id),), timeout=limit)
        self._asking = asyncio.create_task(asking)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.cancel()

    async def answer(self, wait: Wait) -> Message | None:
        """Wait for the answer, with a new deadline per call; None if the gate is mute or gone."""
        process = self._live.process
        before, began = platform.main_thread(process.pid), time.monotonic()
        either: list[asyncio.Future[Any]] = [self._asking, process.exited]
        while not process.exited.done():
            await asyncio.wait(either, timeout=_CHECK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            if self._asking.done():
                return self._answered()
            now = platform.main_thread(process.pid)
            if is_mute(before, now, (time.monotonic() - began) / load(), wait):
                break
        return None

    def _answered(self) -> Message | None:
        try:
            return self._asking.result()
        except GateSilentError:
            return None


def is_mute(before: Thread | None, now: Thread | None, waited: float, wait: Wait) -> bool:
    """Return whether a gate that was asked something counts as mute now.

    Args:
        before: its thread when it was asked; None if the system does not tell.
        now: its thread now.
        waited: seconds in between, scaled to a machine without other load.
        wait: the limits to apply.
    """
    if before is None or now is None:
        return waited >= wait.slept
    if now.waits != before.waits:
        return waited >= max(wait.slept, HEARD)
    if now.computed - before.computed >= wait.computed:
        return True
    return now.sleeps and waited >= wait.slept


def load() -> float:
    """Return the factor by which everything takes longer on this machine now."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), _MOST_LOAD)

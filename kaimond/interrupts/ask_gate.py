"""Asks a gate to interrupt an eval, and tells whether it is mute.

Only a gate that is mute may get a SIGINT, so a wrong "mute" can cost a user's task its life. A gate
is mute if its thread computes without a break, or waits in one call that is no event loop. A thread
that wakes and waits by turns passes through its event loop, where it finds the question; it may
only be late.
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
        computed: seconds of CPU time that its thread has used since without waiting for anything. A
            machine under load may let it wait for long, and a signal then hits what happens to run
            next.
        slept: seconds since, for a thread that sleeps; also where its CPU time is not known.
    """

    computed: float
    slept: float


HEARD: Final = 0.15
"""Seconds in which a thread that has waited, and been woken, hears a question at the latest."""

_CHECK_EVERY: Final = 0.005
_MOST_LOAD: Final = 4.0


class Question:
    """One request to interrupt; asked when entered, withdrawn at the end.

    Args:
        live: the session's process and link.
        eval_id: of the eval, or of the terminal, to interrupt.
        limit: seconds after which nobody listens to the answer any more.
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
        """Wait for the answer, anew with each call; None from a gate that is mute or gone."""
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
    """Whether a gate that was asked something counts as mute now.

    Args:
        before: its thread when it was asked; None where the system does not tell.
        now: its thread now.
        waited: seconds in between, as many as they would be on a machine without other load.
        wait: how much is enough.
    """
    if before is None or now is None:
        return waited >= wait.slept
    if now.waits != before.waits:
        return waited >= max(wait.slept, HEARD)
    if now.computed - before.computed >= wait.computed:
        return True
    return now.sleeps and waited >= wait.slept


def load() -> float:
    """How much longer everything takes on this machine now."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), _MOST_LOAD)

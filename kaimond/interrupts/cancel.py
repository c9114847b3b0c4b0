"""Cancels one eval, by withdrawing it from the queue or interrupting it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from kaimond.evals.eval import Status
from kaimond.interrupts.interrupt import LIMIT, interrupt
from kaimond.julia_process.process import end_descendants

if TYPE_CHECKING:
    import contextlib

    from kaimond.evals.eval import Eval
    from kaimond.evals.history import History
    from kaimond.evals.notes import Notes
    from kaimond.julia_process.live import LiveProcess

_RESULT_WAIT: Final = 2.0
"""Seconds that a gate gets, once it is free, to report how the eval ended."""

_GRACE: Final = 1.0
"""Seconds that children of an interrupted eval get between SIGTERM and SIGKILL."""


_FORCED: Final = "Force throwing a SIGINT"
"""What Julia prints when it forces a SIGINT through at an instruction that is not a safepoint."""


class Cancelled(StrEnum):
    """The outcome of a cancellation."""

    WITHDRAWN = "withdrawn"
    """It was waiting in the queue and will not begin."""
    INTERRUPTED = "interrupted"
    GAVE_WAY = "gave-way"
    """It ended by itself, in time, after being asked to."""
    ENDED = "ended"
    """It had ended already, or ended before the interrupt reached it."""
    BEHIND = "behind"
    """It waits for code that the person is running in this REPL."""
    STUBBORN = "stubborn"
    """It still runs: its code swallows interrupts, or cannot be reached."""


class Evals(Protocol):
    """The evals of the session."""

    @property
    def running(self) -> Eval | None:
        """The eval that is currently with the gate."""

    def notes_of(self, eval_id: str) -> Notes:
        """Return the notes of an eval."""

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Remove an eval from the queue; return whether it was still waiting."""

    def interrupting(self, reason: str) -> None:
        """Record that the running eval is being interrupted."""

    def pausing(self) -> contextlib.AbstractContextManager[None]:
        """Let the running eval end, and start no other in the meantime."""


async def cancel(
    evals: Evals, history: History, live: LiveProcess | None, item: Eval, reason: str
) -> tuple[Cancelled, bool]:
    """Cancel an eval (see `kaimond.sessions.session.Session.cancel`).

    Returns:
        The outcome, and whether C code was, or may have been, interrupted by force.
    """
    if evals.withdraw(item.id, reason):
        return Cancelled.WITHDRAWN, False
    running = evals.running
    if live is None or running is None or running.id != item.id:
        return Cancelled.ENDED, False
    evals.interrupting(reason)
    # Interrupting Julia's `run` does not end the child process that it waits for.
    children = live.children_of(item)

    def over() -> bool:
        now = evals.running
        return now is None or now.id != item.id

    # Otherwise the next eval could make the gate look mute.
    with evals.pausing():
        watches = evals.notes_of(item.id).watches
        came = await interrupt(live, item.id, LIMIT, watches=watches, over=over)
    if children:
        await end_descendants(children, _GRACE)
    if not came.free and not live.process.exited.done():
        with live.signal_lock.taken() as agents:
            behind = live.joined and not agents
        return Cancelled.BEHIND if behind else Cancelled.STUBBORN, False
    try:
        async with asyncio.timeout(_RESULT_WAIT):
            ended = await history.finished(item.id)
    except TimeoutError:
        return Cancelled.STUBBORN, False
    forced = _was_forced(ended) and not came.spared_c
    # Several callers may have cancelled it at once; it was interrupted for all of them.
    if ended.status is Status.INTERRUPTED:
        return Cancelled.INTERRUPTED, forced
    return Cancelled.GAVE_WAY if came.asked else Cancelled.ENDED, forced


def _was_forced(ended: Eval) -> bool:
    """Return whether Julia reported a forced throw; inside C code that may corrupt its state."""
    outcome = ended.outcome
    return outcome is not None and any(
        _FORCED in outcome.text(end) for end in ("output:head", "output:tail")
    )

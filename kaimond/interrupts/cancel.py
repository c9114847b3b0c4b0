"""Cancels one eval: out of the queue, or by the interrupt ladder; and tells what came of it."""

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
"""Seconds from a gate that is free again to its word on how the eval ended."""

_GRACE: Final = 1.0
"""Seconds that children of an interrupted eval get between SIGTERM and SIGKILL."""


_FORCED: Final = "Force throwing a SIGINT"
"""What Julia writes when it throws at an instruction that is no safepoint."""


class Cancelled(StrEnum):
    """What came of a cancellation."""

    WITHDRAWN = "withdrawn"
    """It waited in the queue and will not begin."""
    INTERRUPTED = "interrupted"
    GAVE_WAY = "gave-way"
    """It ended by itself, in time, after it was asked to."""
    ENDED = "ended"
    """It had ended, or ended by itself before the interrupt reached it."""
    BEHIND = "behind"
    """It waits for what the person computes whose REPL it is."""
    STUBBORN = "stubborn"
    """It still runs: its code swallows interrupts, or cannot be reached."""


class Evals(Protocol):
    """The evals of the session, of which one is cancelled."""

    @property
    def running(self) -> Eval | None:
        """The eval that is with the gate."""

    def notes_of(self, eval_id: str) -> Notes:
        """What an eval has told of itself."""

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""

    def interrupting(self, reason: str) -> None:
        """Somebody interrupts what runs."""

    def pausing(self) -> contextlib.AbstractContextManager[None]:
        """Let what runs end, and begin nothing else meanwhile."""


async def cancel(
    evals: Evals, history: History, live: LiveProcess | None, item: Eval, reason: str
) -> tuple[Cancelled, bool]:
    """Cancel an eval (see `kaimond.sessions.session.Session.cancel`).

    Returns:
        What came of it, and whether C code was ended by force, or may have been.
    """
    if evals.withdraw(item.id, reason):
        return Cancelled.WITHDRAWN, False
    running = evals.running
    if live is None or running is None or running.id != item.id:
        return Cancelled.ENDED, False
    evals.interrupting(reason)
    # Interrupting Julia's `run` leaves the child that it waits for running.
    children = live.children_of(item)

    def over() -> bool:
        now = evals.running
        return now is None or now.id != item.id

    # The gate must not be mute because of the next eval.
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
    # Several may have wanted it at once; to all of them it was interrupted.
    if ended.status is Status.INTERRUPTED:
        return Cancelled.INTERRUPTED, forced
    return Cancelled.GAVE_WAY if came.asked else Cancelled.ENDED, forced


def _was_forced(ended: Eval) -> bool:
    """Whether Julia has said that it threw by force; inside C code that may break its state."""
    outcome = ended.outcome
    return outcome is not None and any(
        _FORCED in outcome.text(end) for end in ("output:head", "output:tail")
    )

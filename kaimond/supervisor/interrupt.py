"""The safe ladder: interrupts what a session evaluates without breaking the session.

A SIGINT lands in whatever task of Julia ran last, so a blind one can kill a user's background task,
the gate or the process. So the gate is asked first, by message: it throws into the right task as
soon as that task yields. Only a gate that does not answer, because the eval does not yield, gets a
SIGINT, one at a time, with a question in between.

Julia acts upon a SIGINT at its next safepoint. About five that come within a second it forces
through at any instruction; nothing else ends a loop without safepoints, but while Julia compiles it
makes LLVM crash (measured: 5 of 10 sessions in 50 rounds each; 0 of 7 in 50 each at the pace
below). So the ladder is slow at first and only then forces.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.gate.link import GateSilentError

if TYPE_CHECKING:
    from kaimond.supervisor.live import Live

_FIRST_WAIT: Final = 0.15
_WATCHER_WAIT: Final = 2.0
"""Seconds for code that asks `is_cancelled` now and then, and computes in between."""
_SLOW_WAIT: Final = 0.35
"""Seconds for an answer after a SIGINT; with the question's own wait, 0.5 s between two of them."""

_SLOW_FOR: Final = 2.5
"""Seconds of the slow pace: long enough for compilation to reach a safepoint."""

_FAST_WAIT: Final = 0.02
_THROWN_PAUSE: Final = 0.03
_NOT_YET: Final = ("thrown", "asked", "not-now")
"""Answers after which the eval is still there."""

LIMIT: Final = 8.0
"""Seconds after which code that swallows interrupts is given up."""


@dataclass
class Interrupted:
    """What came of an interrupt.

    Attributes:
        free: whether the gate is free of the eval now.
        asked: whether the eval's code was given time to end in its own way.
    """

    free: bool = False
    asked: bool = False


async def interrupt(
    live: Live,
    eval_id: str,
    limit: float = LIMIT,
    *,
    watches: bool = False,
    person: bool = False,
) -> Interrupted:
    """Interrupt an eval.

    Args:
        live: the session's process and link.
        eval_id: only this eval is interrupted, never the next one; or a terminal's id.
        limit: seconds to try.
        watches: whether its code asks by itself if it is to end.
        person: whether it is a person's input at a terminal.
    """
    came = Interrupted()
    began = time.monotonic()
    wait = _WATCHER_WAIT if watches else _FIRST_WAIT
    while time.monotonic() < began + limit and not live.process.exited.done():
        try:
            answer = await live.link.request("interrupt", (("eval", eval_id),), timeout=wait)
        except GateSilentError:
            # Persons and agents take turns; a signal would hit whoever's turn it is.
            if live.turn != (eval_id if person else ""):
                await asyncio.sleep(_FIRST_WAIT)
                continue
            live.process.signal(signal.SIGINT)
            slow = time.monotonic() < began + _SLOW_FOR
            await asyncio.sleep(_FIRST_WAIT if slow else _FAST_WAIT)
            wait = _SLOW_WAIT if slow else _FAST_WAIT
        else:
            outcome = answer.get("outcome")
            came.asked = came.asked or outcome == "asked"
            if outcome not in _NOT_YET:
                came.free = True
                break
            await asyncio.sleep(_THROWN_PAUSE)
    return came

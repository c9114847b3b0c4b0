"""The safe ladder: interrupts what a session evaluates without breaking the session.

A SIGINT lands in whatever task of Julia ran last, so a blind one can kill a user's background task,
the gate or the process. So the gate is asked first, by message: it throws into the right task as
soon as that task yields. Only a gate that does not answer, because the eval does not yield, gets a
SIGINT, one at a time, with a question in between; Julia forces the fifth that comes quickly through
(research/gate.md 3, where the times below were measured over 1000 rounds).
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Final

from kaimond.gate.link import GateSilentError

if TYPE_CHECKING:
    from kaimond.supervisor.live import Live

_FIRST_WAIT: Final = 0.15
_WAIT: Final = 0.03
_PAUSE: Final = 0.03
LIMIT: Final = 5.0
"""Seconds after which code that swallows interrupts is given up."""


async def interrupt(live: Live, eval_id: str, limit: float = LIMIT) -> bool:
    """Interrupt an eval; tell whether the gate is free of it now.

    Args:
        live: the session's process and link.
        eval_id: only this eval is interrupted, never the next one.
        limit: seconds to try.
    """
    end = time.monotonic() + limit
    wait = _FIRST_WAIT
    while time.monotonic() < end and not live.process.exited.done():
        try:
            answer = await live.link.request("interrupt", (("eval", eval_id),), timeout=wait)
        except GateSilentError:
            live.process.signal(signal.SIGINT)
        else:
            if answer.get("outcome") != "thrown":
                return True
        wait = _WAIT
        await asyncio.sleep(_PAUSE)
    return False

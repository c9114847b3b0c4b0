"""Interrupts what a session evaluates without breaking the session.

A SIGINT lands in whichever Julia task ran last, so a blind one can kill a user's background task,
the gate or the process. So the gate is asked first, by message: it throws into the right task as
soon as that task yields. Only a gate that does not answer, because the eval does not yield, gets a
SIGINT, one at a time, with a question in between. The gate may also be silent because of its own
work, a person's code, or an eval that is just ending: then its signal lock keeps SIGINTs away, and
holds off what comes after the eval until a SIGINT that was sent has been delivered.

Julia acts on a SIGINT at its next safepoint. About five within a second it forces through at any
instruction; nothing else ends a loop without safepoints, but while Julia compiles it crashes LLVM.
Five slow ones are never forced. So before each SIGINT the code location of the process is sampled
(`may_force`), and SIGINTs follow each other quickly only where forcing is safe.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kaimond import platform
from kaimond.interrupts.ask_gate import Question, Wait, load
from kaimond.julia_process import code_location
from kaimond.julia_process.code_location import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import LiveProcess


_FIRST: Final = Wait(0.06, 0.15)
_WATCHER: Final = Wait(1.5, 2.0)
"""For code that calls `is_cancelled` now and then, and computes in between."""
_SLOW: Final = Wait(0.2, 0.35)
_QUICK: Final = Wait(0.015, 0.03)
_STILL: Final = Wait(0.005, 0.03)
"""Used right before a SIGINT: sampling the code location takes time and wakes a waiting thread."""

_SLOW_PAUSE: Final = 0.15
_QUICK_PAUSE: Final = 0.005
"""Seconds between a SIGINT and the next question."""

_CHECK_EVERY: Final = 0.005
_TAKEN_LIMIT: Final = 2.0
_TAKEN_UNTOLD: Final = 0.02
"""Seconds that Julia gets to take a SIGINT if the system does not tell."""

_SLOW_FOR: Final = 2.5
"""Seconds of the slow pace for code that need not be forced at once: long enough for most C code to
end and for most compilation to reach a safepoint."""

_THROWN_PAUSE: Final = 0.03
_NOT_YET: Final = ("thrown", "asked", "not-now")
"""Answers after which the eval is still running."""

LIMIT: Final = 8.0
"""Seconds after which interrupting is given up, as the code swallows interrupts."""

COMPILING_LIMIT: Final = 30.0
"""The same if the process was seen compiling: it reaches a safepoint when it is done."""

_FREE_OF: Final = frozenset({Place.COMPILER, Place.RUNTIME, Place.FOREIGN})
_JULIA: Final = frozenset({Place.USER, Place.IMAGE})


@dataclass
class Interrupted:
    """The outcome of an interrupt.

    Attributes:
        free: whether the gate is now free of the eval.
        asked: whether the eval's code was given time to end in its own way.
        forced: the code locations seen right before each SIGINT that Julia forced through, and
            before those that led to it; a set is empty if the location could not be seen.
    """

    free: bool = False
    asked: bool = False
    forced: list[set[Place]] = field(default_factory=list)

    @property
    def spared_c(self) -> bool:
        """Whether all forced SIGINTs were seen to hit Julia code, never C code."""
        return bool(self.forced) and all(seen and seen <= _JULIA for seen in self.forced)


def may_force(seen: set[Place], elapsed: float) -> bool:
    """Return whether SIGINTs may come so quickly that Julia forces one through.

    Args:
        seen: where the process computes; empty if that cannot be seen.
        elapsed: seconds since the interrupt began.
    """
    if Place.USER in seen and not seen & _FREE_OF:
        return True
    if elapsed <= _SLOW_FOR:
        return False
    if Place.COMPILER in seen:
        return False
    # Type inference on its own looks like code of Base and the runtime.
    return bool(seen & {Place.USER, Place.FOREIGN}) or not seen & {Place.IMAGE, Place.RUNTIME}


async def interrupt(
    live: LiveProcess,
    eval_id: str,
    limit: float = LIMIT,
    *,
    watches: bool = False,
    person: bool = False,
    over: Callable[[], bool] = lambda: False,
) -> Interrupted:
    """Interrupt an eval or a person's input.

    Args:
        live: the session's process and link.
        eval_id: id of the eval or terminal; only this eval is interrupted, never the next one.
        limit: seconds to try.
        watches: whether the code itself checks if it should end.
        person: whether it is a person's input at a terminal.
        over: returns whether the eval is otherwise known to have ended.
    """
    came = Interrupted()
    began = time.monotonic()
    wait = _WATCHER if watches else _FIRST
    compiles = False
    led: list[set[Place]] = []
    while time.monotonic() < began + _limit(limit, compiles=compiles):
        if live.process.exited.done():
            break
        answer, seen = await _ask(live, eval_id, wait)
        if answer is None:
            compiles = compiles or Place.COMPILER in seen
            if over():
                came.free = True
                break
            signalled = await _signal(live, eval_id if person else "")
            quick = signalled and may_force(seen, time.monotonic() - began)
            now = time.monotonic()
            if signalled and live.forcing.hears(now):
                led.append(seen)
                if live.forcing.forces(now):
                    came.forced += led
                    led.clear()
            await asyncio.sleep(_QUICK_PAUSE if quick else _SLOW_PAUSE)
            wait = _QUICK if quick else _SLOW
            continue
        outcome = answer.get("outcome")
        came.asked = came.asked or outcome == "asked"
        if outcome not in _NOT_YET:
            came.free = True
            break
        await asyncio.sleep(_THROWN_PAUSE)
    return came


async def _signal(live: LiveProcess, turn: str) -> bool:
    """Send a SIGINT if it can hit only its target; return whether it was sent.

    Args:
        live: the session's process.
        turn: the terminal whose input is interrupted, "" for an eval.
    """
    with live.signal_lock.taken() as may:
        # People and agents take turns; a signal hits whoever's turn it is. A thread that waits for
        # events will handle the question later; a signal would hit the task that waited last.
        if not may or live.turn.terminal != turn or platform.waits_for_events(live.process.pid):
            return False
        live.process.signal(signal.SIGINT)
        await _taken(live)
    return True


async def _taken(live: LiveProcess) -> None:
    """Wait until Julia has taken a SIGINT, so that there are never two pending.

    Julia takes them on a separate thread, which may have to wait before it passes them on.
    """
    end = time.monotonic() + _TAKEN_LIMIT
    while time.monotonic() < end:
        match platform.is_pending(live.process.pid, signal.SIGINT):
            case False:
                return
            case None:
                await asyncio.sleep(_TAKEN_UNTOLD)
                return
        await asyncio.sleep(_CHECK_EVERY)


async def _ask(live: LiveProcess, eval_id: str, wait: Wait) -> tuple[Message | None, set[Place]]:
    """Ask the gate to interrupt; return its answer, or None and where the mute process is."""
    with Question(live, eval_id, LIMIT) as question:
        answer = await question.answer(wait)
        if answer:
            return answer, set()
        seen = await code_location.look(live.process.pid)
        return await question.answer(_STILL), seen


def _limit(limit: float, *, compiles: bool) -> float:
    """Return the seconds to try; a limit below the default is taken as it is."""
    if limit < LIMIT:
        return limit
    return max(limit * load(), COMPILING_LIMIT if compiles else 0.0)

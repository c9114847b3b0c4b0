"""The answers about an eval: at its end, while it goes on in the background, when cancelled."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

from kaimond.evals.notes import Notes
from kaimond.evals.spool import Spool
from kaimond.interrupts.cancel import Cancelled
from kaimond.mcp.answer import Answer
from kaimond.mcp.client_timeouts import patience
from kaimond.mcp.output_page import page
from kaimond.mcp.render import render, stashed
from kaimond.mcp.restart_rules import with_finding
from kaimond.mcp.text import clean
from kaimond.mcp.tool import ArgumentError
from kaimond.mcp.waiting import describe, wait_for

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call


def find_eval(call: Call, eval_id: str) -> Eval:
    """Return the eval with this id.

    Raises:
        ArgumentError: there is none, or it is no longer kept.
    """
    item = call.core.supervisor.history.get(eval_id)
    if item is None and (dropped := call.core.supervisor.history.dropped(eval_id)):
        raise ArgumentError(
            f"The result of eval {eval_id} is no longer kept. The eval ended at "
            f"{_clock(dropped.finished)} in session {dropped.session} ({dropped.status}); its "
            f"result was dropped at {_clock(dropped.dropped)}, because {dropped.why}."
        )
    if item is None:
        raise ArgumentError(f"There is no eval {eval_id!r}. list_evals shows those that there are.")
    return item


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def promoted(call: Call, item: Eval, spool: Spool, limit: int, doing: str) -> Answer:
    """Return the answer to a call that stops waiting before its eval has ended.

    Args:
        call: the agent's call.
        item: the eval, which goes on.
        spool: the spool of its session.
        limit: most characters of output.
        doing: what the eval does now, in a sentence.
    """
    printed = page(item, spool, limit)
    part = f" {printed.where(tail=True)}" if printed.begin else ""
    goes_on = (
        f"Eval {item.id} goes on in the background "
        f"({doing.removeprefix(f'eval {item.id} ')}).{part} "
        f"{printed.following} shows what comes after, not more often than every 10 s; "
        f'cancel_eval(eval_id="{item.id}") interrupts it.'
    )
    told = (printed.text.rstrip("\n"), notes_of(call, item, limit), goes_on)
    meta = {"kaimon/eval": item.id, "kaimon/session": item.session}
    return Answer("\n".join(filter(None, told)), meta=meta)


def notes_of(call: Call, item: Eval, limit: int) -> str:
    """Return what a running eval has reported about itself; "" if nothing."""
    session = call.core.supervisor.sessions.get(item.session)
    notes = session.notes_of(item.id) if session else Notes()
    progress = clean(notes.progress.encode()).strip()
    told = [f"Progress: {progress}" if progress else "", stashed(notes.parts(), limit)]
    return "\n".join(part for part in told if part)


_WORDS: Final = {
    Cancelled.WITHDRAWN: "was waiting and will not begin.",
    Cancelled.INTERRUPTED: "was interrupted. The session and its state stay.",
    Cancelled.GAVE_WAY: "ended in its own way after it was asked to (its code watches "
    "is_cancelled). check_eval shows its result.",
    Cancelled.ENDED: "had ended already, so nothing was interrupted.",
    Cancelled.BEHIND: "was not interrupted: it is behind code that the person runs whose REPL this "
    "is, and that is left alone. When that code ends the eval is cancelled or runs; check_eval "
    "tells.",
    Cancelled.STUBBORN: "still runs: its code does not let itself be interrupted. "
    'manage_repl(command="restart") ends it, and clears the session\'s state.',
}

_FAILED: Final = (Cancelled.BEHIND, Cancelled.STUBBORN)


def told(item: Eval, came: Cancelled) -> Answer:
    """Return the answer that reports the outcome of a cancellation."""
    meta = {"kaimon/eval": item.id, "kaimon/session": item.session}
    return Answer(f"Eval {item.id} {_WORDS[came]}", is_error=came in _FAILED, meta=meta)


def resumed(call: Call) -> Eval | None:
    """Return the eval that this request had started before a break, or None."""
    started = call.replayed()
    if not started:
        return None
    return call.core.supervisor.history.get(str(started.get("eval", "")))


async def answer_of(
    call: Call, item: Eval, timeout: float | None, max_output: int, *remarks: str
) -> Answer:
    """Wait for an eval as long as the call may wait; return its result, or that it goes on.

    Args:
        call: the agent's call.
        item: the eval.
        timeout: seconds to wait, as the call says; 0 for as long as it takes.
        max_output: most characters of output and value.
        remarks: sentences for the end of the answer; empty ones are left out.
    """
    waits = patience(timeout, call.core.settings.eval.promote_after, call.agent.client)
    item = await wait_for(call, item, waits.seconds)
    spool = Spool(call.core.paths.session_spool(item.session))
    doing = ""
    if item.outcome is None:
        doing = await describe(call, item)
        # That took a moment, in which the eval may have ended.
        item = call.core.supervisor.history.get(item.id) or item
    if item.outcome is None:
        answer = promoted(call, item, spool, max_output, doing)
    else:
        answer = await render(item, spool, max_output)
        answer = await with_finding(call, item, answer)
    text = "\n".join([answer.text, *filter(None, [*remarks, waits.warning, _tainted(call, item)])])
    return dataclasses.replace(answer, text=text)


def _tainted(call: Call, item: Eval) -> str:
    record = call.core.supervisor.registry.get(item.session)
    if record is None or not record.tainted:
        return ""
    return (
        f"(Session {record.key} is tainted: an earlier eval was interrupted by force, maybe inside "
        'C code, and its state may be broken. manage_repl(command="restart") gives a fresh one.)'
    )

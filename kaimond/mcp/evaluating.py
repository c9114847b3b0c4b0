"""From a submitted eval to the answer of the call that asked for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from kaimond.evals.spool import Spool
from kaimond.mcp.background import promoted
from kaimond.mcp.ceilings import patience
from kaimond.mcp.render import render
from kaimond.mcp.stale_source import with_finding
from kaimond.mcp.waiting import describe, wait_for

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call


def joined(call: Call) -> Eval | None:
    """The eval that this request had started before a break, if it had."""
    started = call.replayed()
    if not started:
        return None
    return call.core.supervisor.history.get(str(started.get("eval", "")))


async def answer_of(
    call: Call, item: Eval, timeout: float | None, max_output: int, *remarks: str
) -> Answer:
    """Wait for an eval as long as the call may wait, and say what came of it, or that it goes on.

    Args:
        call: of the agent.
        item: the eval.
        timeout: seconds to wait, as the call says; 0 for as long as it takes.
        max_output: characters of output and value.
        remarks: sentences for the end of the answer; empty ones are left out.
    """
    waits = patience(timeout, call.core.settings.eval.promote_after, call.agent.client)
    item = await wait_for(call, item, waits.seconds)
    spool = Spool(call.core.paths.session_spool(item.session))
    doing = ""
    if item.outcome is None:
        doing = await describe(call, item)
        # That took a moment, in which it may have ended.
        item = call.core.supervisor.history.get(item.id) or item
    if item.outcome is None:
        answer = promoted(call, item, spool, max_output, doing)
    else:
        answer = render(item, spool, max_output)
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

"""Words for evals that go on while nobody waits for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kaimond.evals.notes import Notes
from kaimond.mcp.answer import Answer
from kaimond.mcp.cuts import REACH, end_of, shown
from kaimond.mcp.render import stashed
from kaimond.mcp.text import clean, shorten
from kaimond.spans import span

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.evals.spool import Spool
    from kaimond.mcp.call import Call


def promoted(call: Call, item: Eval, spool: Spool, limit: int, doing: str) -> Answer:
    """The answer to a call whose patience ended before its eval did.

    Args:
        call: of the agent.
        item: the eval, which goes on.
        spool: of its session.
        limit: characters of output.
        doing: what it does now, in a sentence.
    """
    told = so_far(call, item, spool, limit)
    told = "\n".join(part for part in (told, notes_of(call, item, limit)) if part)
    text = (
        f"{told}\nEval {item.id} goes on in the background "
        f"({span(time.time() - item.submitted)} so far; {doing}). "
        f'Look at it with check_eval(eval_id="{item.id}"), not more often than every 10 s; '
        f'interrupt it with cancel_eval(eval_id="{item.id}").'
    )
    meta = {"kaimon/eval": item.id, "kaimon/session": item.session}
    return Answer(text.lstrip("\n"), meta=meta)


def notes_of(call: Call, item: Eval, limit: int) -> str:
    """What an eval that runs has told of itself; "" if nothing."""
    session = call.core.supervisor.sessions.get(item.session)
    notes = session.notes_of(item.id) if session else Notes()
    progress = clean(notes.progress.encode()).strip()
    told = [f"Progress: {progress}" if progress else "", stashed(notes.parts(), limit)]
    return "\n".join(part for part in told if part)


def so_far(call: Call, item: Eval, spool: Spool, limit: int) -> str:
    """What an eval that still runs has printed since this agent was last shown its output."""
    size, heard = spool.size(item.id), call.agent.heard.get(item.id, 0)
    # What is not whole yet is shown the next time.
    last = spool.piece(item.id, max(heard, size - REACH), size)
    size += end_of(last) - len(last)
    call.agent.heard[item.id] = size
    hint = f"all of the output: {spool.path(item.id)}"
    return shorten(shown(spool, item.id, heard, size).rstrip("\n"), limit, hint)

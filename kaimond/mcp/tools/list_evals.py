"""list_evals: the newest evals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.evals.eval import ENDS
from kaimond.mcp.answer import Answer
from kaimond.mcp.tool import SessionArguments, Tool
from kaimond.spans import span
from kaimond.supervisor.view import known

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call

_CODE: Final = 60


class ListArguments(SessionArguments):
    """Arguments of list_evals."""

    status: str = Field("", description="Only those with this status, such as running.")
    limit: int = Field(20, ge=1, le=200, description="How many of the newest.")


async def run(call: Call, arguments: ListArguments) -> Answer:
    """List the newest evals that match."""
    supervisor, key = call.core.supervisor, arguments.key()
    key = known(supervisor, key).key if key else ""
    wanted = supervisor.history.recent(key, arguments.limit, arguments.status)
    lines = [_line(item, call.agent.short) for item in wanted]
    rows = [
        {
            "eval_id": item.id,
            "session": item.session,
            "status": str(item.status),
            "agent": item.agent,
            "submitted": item.submitted,
            "elapsed": round((item.finished or time.time()) - item.submitted, 3),
            "code": item.code[:_CODE],
        }
        for item in wanted
    ]
    return Answer("\n".join(lines) or "No such evals.", facts={"evals": rows})


def _line(item: Eval, own: str) -> str:
    until = item.finished if item.status in ENDS else time.time()
    code = " ".join(item.code.split())
    code = code if len(code) <= _CODE else code[: _CODE - 3] + "..."
    spent = span(until - item.submitted)
    who = "by you" if item.agent == own else f"by {item.agent}"
    return f"{item.id} {item.status} {spent}, session {item.session}, {who}: {code}"


TOOL: Final = Tool(
    name="list_evals",
    title="List evaluations",
    description=(
        "The newest evaluations with id, status (queued, running, done, failed, interrupted, "
        "lost), session, agent and the beginning of their code; all sessions', or one's."
    ),
    arguments=ListArguments,
    run=run,
    read_only=True,
    idempotent=True,
)

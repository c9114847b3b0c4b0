"""cancel_eval: interrupt an eval, or take it out of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.mcp.eval_answer import find_eval, told
from kaimond.mcp.tool import Arguments, Tool

if TYPE_CHECKING:
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call


class CancelArguments(Arguments):
    """Arguments of cancel_eval."""

    eval_id: str = Field(description="As the answer of ex or list_evals gave it.")


async def run(call: Call, arguments: CancelArguments) -> Answer:
    """Cancel the eval, and report the outcome."""
    item = find_eval(call, arguments.eval_id)
    reason = f"it was cancelled by agent {call.agent.short}"
    return told(item, await call.core.supervisor.cancel(item, reason))


TOOL: Final = Tool(
    name="cancel_eval",
    title="Interrupt an evaluation",
    description=(
        "Interrupt an evaluation: one that waits does not begin; one that runs gets an "
        "InterruptException, endless loops included, within about a second. The session and its "
        "state stay. The answer says what really happened."
    ),
    arguments=CancelArguments,
    run=run,
    destructive=True,
    idempotent=True,
)

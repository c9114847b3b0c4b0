"""check_eval: how an eval is doing, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.evals.spool import Spool
from kaimond.mcp.answer import Answer
from kaimond.mcp.eval_answer import find_eval, notes_of, so_far
from kaimond.mcp.pictures import MOST_SENT
from kaimond.mcp.render import render, stashed
from kaimond.mcp.restart_rules import with_finding
from kaimond.mcp.text import MOST_OUTPUT, clean, end_of, shorten
from kaimond.mcp.tool import Arguments, Tool
from kaimond.mcp.waiting import describe

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call


class CheckArguments(Arguments):
    """Arguments of check_eval."""

    eval_id: str = Field(description="As the answer of ex or list_evals gave it.")
    trace: bool = Field(
        default=False, description="Show the whole backtrace of an error, not only user frames."
    )
    offset: int | None = Field(
        None, ge=0, description="Show the output from this byte on instead of its two ends."
    )
    max_output: int = Field(6000, ge=100, le=MOST_OUTPUT, description="Characters to show.")
    pictures_from: int = Field(
        1, ge=1, description=f"Number of the first picture to show; at most {MOST_SENT} are shown."
    )
    svg: bool = Field(default=False, description="Show SVG pictures as text.")


async def run(call: Call, arguments: CheckArguments) -> Answer:
    """Report the state of an eval and what it has printed since it was last asked for."""
    item = find_eval(call, arguments.eval_id)
    spool = Spool(call.core.paths.session_spool(item.session))
    if arguments.offset is not None:
        return _page(item, spool, arguments.offset, arguments.max_output)
    doing = ""
    if item.outcome is None:
        doing = await describe(call, item)
        # That took a moment, in which the eval may have ended.
        item = call.core.supervisor.history.get(item.id) or item
    if item.outcome is None:
        fresh = so_far(call, item, spool, arguments.max_output)
        noted = notes_of(call, item, arguments.max_output)
        doing = f"{doing}.\n{noted}" if noted else f"{doing}."
        told = f"\nOutput since you last looked:\n{fresh}" if fresh else "\nNo new output."
        return Answer(f"{doing}{told}")
    head = f"Eval {item.id} in session {item.session}: {item.status}."
    if arguments.trace and (trace := item.outcome.text("trace")):
        shown = shorten(clean(trace.encode()), arguments.max_output, "it is longer than that")
        return Answer(f"{head}\n{item.outcome.text('error')}\n{shown}")
    kept = stashed(item.outcome.parts, arguments.max_output)
    head = f"{head}\n{kept}" if kept else head
    ended = await render(
        item,
        spool,
        arguments.max_output,
        pictures_from=arguments.pictures_from,
        svg=arguments.svg,
    )
    # The call itself succeeded, whatever became of the eval.
    answer = Answer(f"{head}\n{ended.text}", images=ended.images, meta=ended.meta)
    return await with_finding(call, item, answer)


def _page(item: Eval, spool: Spool, offset: int, limit: int) -> Answer:
    size = spool.size(item.id)
    piece = spool.piece(item.id, offset, min(size, offset + limit))
    if offset + len(piece) < size:
        piece = piece[: end_of(piece) or len(piece)]
    end = offset + len(piece)
    more = f"; go on with offset={end}" if end < size else ""
    return Answer(f"Bytes {offset} to {end} of {size}{more}:\n{clean(piece)}")


TOOL: Final = Tool(
    name="check_eval",
    title="Look at an evaluation",
    description=(
        "Show an evaluation that went on in the background, or one that has ended: its status, "
        "the output since you last looked while it runs, its full result once it has ended. "
        "Results are kept after the end of a session, too."
    ),
    arguments=CheckArguments,
    run=run,
    read_only=True,
    idempotent=True,
)

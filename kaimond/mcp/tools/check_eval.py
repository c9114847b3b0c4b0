"""check_eval: how an eval is doing, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.evals.spool import Spool
from kaimond.mcp.answer import Answer
from kaimond.mcp.eval_answer import find_eval, notes_of
from kaimond.mcp.output_page import page
from kaimond.mcp.pictures import MOST_SENT
from kaimond.mcp.render import render, stashed
from kaimond.mcp.restart_rules import with_finding
from kaimond.mcp.text import MOST_OUTPUT, clean, shorten
from kaimond.mcp.tool import Arguments, Tool
from kaimond.mcp.waiting import describe

if TYPE_CHECKING:
    from kaimond.mcp.call import Call


class CheckArguments(Arguments):
    """Arguments of check_eval."""

    eval_id: str = Field(description="As the answer of ex or list_evals gave it.")
    trace: bool = Field(
        default=False, description="Show the whole backtrace of an error, not only user frames."
    )
    offset: int | None = Field(
        None,
        ge=0,
        description="Show the output from this byte on, as the last answer named it. Left out: "
        "its end while the eval runs, its two ends afterwards.",
    )
    max_output: int = Field(6000, ge=100, le=MOST_OUTPUT, description="Characters to show.")
    pictures_from: int = Field(
        1, ge=1, description=f"Number of the first picture to show; at most {MOST_SENT} are shown."
    )
    svg: bool = Field(default=False, description="Show SVG pictures as text.")


async def run(call: Call, arguments: CheckArguments) -> Answer:
    """Report the state of an eval, a part of what it has printed, and its result."""
    item = find_eval(call, arguments.eval_id)
    spool = Spool(call.core.paths.session_spool(item.session))
    limit = arguments.max_output
    doing = ""
    if item.outcome is None:
        doing = await describe(call, item)
        # That took a moment, in which the eval may have ended.
        item = call.core.supervisor.history.get(item.id) or item
    if item.outcome is None:
        printed = page(item, spool, limit, arguments.offset)
        told = printed.told(tail=arguments.offset is None)
        return Answer("\n".join(filter(None, [f"{doing}.", notes_of(call, item, limit), told])))
    head = f"Eval {item.id} in session {item.session}: {item.status}."
    if arguments.trace and (trace := item.outcome.text("trace")):
        shown = shorten(clean(trace.encode()), limit, "it is longer than that")
        return Answer(f"{head}\n{item.outcome.text('error')}\n{shown}")
    if arguments.offset is not None:
        printed = page(item, spool, limit, arguments.offset)
        head = f"{head}\n{printed.told(tail=False)}"
        if not printed.last:
            return Answer(head)
    kept = stashed(item.outcome.parts, limit)
    head = f"{head}\n{kept}" if kept else head
    ended = await render(
        item,
        spool,
        limit,
        printed=arguments.offset is None,
        pictures_from=arguments.pictures_from,
        svg=arguments.svg,
    )
    # The call itself succeeded, whatever became of the eval.
    answer = Answer(f"{head}\n{ended.text}", images=ended.images, meta=ended.meta)
    return await with_finding(call, item, answer)


TOOL: Final = Tool(
    name="check_eval",
    title="Look at an evaluation",
    description=(
        "Show an evaluation that went on in the background, or one that has ended: its status, "
        "what it has printed, its full result once it has ended. Each answer about one that runs "
        "names the `offset` that shows what comes after. Results are kept after the end of a "
        "session, too."
    ),
    arguments=CheckArguments,
    run=run,
    read_only=True,
    idempotent=True,
)

"""ex: evaluate Julia."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.gate.frames import is_utf_8
from kaimond.mcp.eval_answer import answer_of, resumed
from kaimond.mcp.pasted_code import unwrapped
from kaimond.mcp.restart_rules import restarted_if_stale
from kaimond.mcp.session_choice import chosen
from kaimond.mcp.text import MOST_OUTPUT
from kaimond.mcp.tool import ArgumentError, SessionArguments, Tool
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call
    from kaimond.sessions.session import Session


class ExArguments(SessionArguments):
    """Arguments of ex."""

    e: str = Field(
        description="Julia code, one or more expressions. Lines such as `]st` (Pkg) and `?sin` "
        "(help) do what they do at the REPL."
    )
    q: bool = Field(
        default=True,
        description="Quiet: tell in one line what the value of the last expression is. Output, "
        "warnings and errors are always shown. q=false shows the value, in at most 24 rows and "
        "100 columns.",
    )
    s: bool = Field(
        default=False,
        description="Silent: no echo of code and output in the session's terminal, if somebody "
        "looks at one.",
    )
    max_output: int = Field(
        6000, ge=100, le=MOST_OUTPUT, description="Characters of output and value to show."
    )
    timeout: float | None = Field(
        None,
        ge=0,
        le=86_400,
        description="Seconds after which this call returns while the eval goes on in the "
        "background; 0 waits for as long as it takes. Left out: 30, or as the user has set, and "
        "never longer than your client waits for a call.",
    )
    mt: bool = Field(
        default=False,
        description="Accepted and without effect: evaluation is on Julia's main thread anyway.",
    )


async def run(call: Call, arguments: ExArguments) -> Answer:
    """Evaluate code, or wait for the eval that this request had started before a break."""
    item, remarks = resumed(call), [""]
    if item is None:
        pasted = unwrapped(arguments.e)
        _check(pasted.code)
        session, told = await chosen(call, arguments.key(), starts=True)
        restarted = await restarted_if_stale(call.core, session.key, call.agent.short)
        remarks = [pasted.remark, *told, restarted]
        # A restart may have ended the session.
        session = choose(call.core.supervisor, session.key)
        item = _submitted(call, session, arguments, pasted.code)
    return await answer_of(call, item, arguments.timeout, arguments.max_output, *remarks)


def _check(code: str) -> None:
    if not code.strip():
        raise ArgumentError(
            'ex: `e` is empty. Give Julia code, for example ex(e="1 + 1", q=false).'
        )
    if "\0" in code:
        raise ArgumentError("ex: `e` holds a NUL character, which Julia code cannot have.")
    if not is_utf_8(code):
        raise ArgumentError("ex: `e` is not UTF-8: it holds half of a surrogate pair.")


def _submitted(call: Call, session: Session, arguments: ExArguments, code: str) -> Eval:
    return session.evaluate(
        code,
        call.agent.short,
        quiet=arguments.q,
        silent=arguments.s,
        journal=lambda eval_id: call.journal(tool="ex", eval=eval_id),
    )


TOOL: Final = Tool(
    name="ex",
    title="Evaluate Julia",
    description=(
        "Evaluate Julia code in a live session, as typed at its REPL: state, variables and loaded "
        "packages stay from call to call and are shared with all agents of the session. Returns "
        "what was printed and, in one line, what the value of the last expression is; with q=false "
        "the value (a trailing `;` hides it). Errors come with a short backtrace. Evaluations of "
        "one session run one after the other. An eval that takes longer than `timeout` goes on in "
        "the background, and the answer gives its id for check_eval and cancel_eval. Paths are "
        "relative to the session's pwd(), which is the project's directory unless code changes it."
    ),
    arguments=ExArguments,
    run=run,
    destructive=True,
    open_world=True,
)

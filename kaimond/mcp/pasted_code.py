"""Code as it is pasted: in a Markdown fence, or copied from a REPL with its prompts."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from kaimond.mcp.tool import ArgumentError

PROMPT: Final = "julia> "
_INDENT: Final = " " * len(PROMPT)
"""What the REPL puts in front of each further line of an input."""

_OTHER_MODE: Final = re.compile(r"(?:\([^()\n]*\) )?(?:pkg|shell|help\?)> ")

_FENCED: Final = re.compile(
    r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w-]*)[ \t]*\n(?P<code>.*?)\n?(?P=fence)", re.DOTALL
)
_LANGUAGES: Final = {"", "julia", "jl", "julia-repl", "repl"}


class Pasted(NamedTuple):
    """Code to evaluate.

    Attributes:
        code: the code without what surrounded it.
        remark: a sentence that says what was left out; "" if nothing was.
    """

    code: str
    remark: str


def unwrapped(text: str) -> Pasted:
    """Return the code in a text that is one Markdown fence or a copy of a REPL's screen.

    Any other text is returned as it is: a fence inside of code, for example, is Julia's literal
    of a command.

    Raises:
        ArgumentError: the screen has input of another mode of the REPL, which is no Julia code.
    """
    code, left_out = text, []
    fenced = _FENCED.fullmatch(text.strip().replace("\r\n", "\n"))
    if (
        fenced
        and fenced["language"].lower() in _LANGUAGES
        and fenced["fence"] not in fenced["code"]
    ):
        code = fenced["code"]
        left_out.append("the Markdown fence")
    if code.lstrip().startswith(PROMPT):
        code = _without_prompts(code)
        left_out.append("`julia> ` prompts and the output below them")
    what = " and ".join(left_out)
    return Pasted(code, f"(Evaluated without {what}.)" if what else "")


def _without_prompts(text: str) -> str:
    """Return the inputs of a REPL's screen, as the REPL itself takes a paste of it."""
    kept = []
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith(PROMPT):
            kept.append(line.lstrip().removeprefix(PROMPT))
            inside = True
        elif inside and line.startswith(_INDENT):
            kept.append(line.removeprefix(_INDENT))
        elif _OTHER_MODE.match(line.lstrip()):
            raise ArgumentError(
                f"Nothing was evaluated: `{line.strip()}` is not Julia code but input of another "
                "mode of the REPL. Send only Julia code; for Pkg mode, call its functions, for "
                'example Pkg.add("Example").'
            )
        else:
            inside = False
    return "\n".join(kept)

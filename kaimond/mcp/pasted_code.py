"""Code as it is pasted: in a Markdown fence, or copied from a REPL with its prompts."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from kaimond.mcp.text import short_line
from kaimond.mcp.tool import ArgumentError

PROMPT: Final = "julia> "
_INDENT: Final = " " * len(PROMPT)
"""What the REPL puts in front of each further line of an input."""

_OTHER_MODE: Final = re.compile(r"(?:\([^()\n]*\) )?(?P<mode>pkg|shell|help\?)>(?: |$)")
"""A prompt of another mode; that of Pkg's is preceded by the active project."""

_SIGNS: Final = {"pkg": "]", "help?": "?"}
"""What a person types to get into each mode. The gate knows lines that begin so."""

_FENCED: Final = re.compile(
    r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w-]*)[ \t]*\n(?P<code>.*?)\n?(?P=fence)", re.DOTALL
)
_LANGUAGES: Final = {"", "julia", "jl", "julia-repl", "repl"}

_QUOTED: Final = 80
"""Most characters of a line that an error quotes."""


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
    of a command. Input of Pkg's mode and of help becomes lines that begin with `]` and `?`, and a
    further input of Julia code keeps its prompt; the gate takes each as the REPL does.

    Raises:
        ArgumentError: it is, or the screen has, input for the shell.
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
    if code.lstrip().startswith(PROMPT) or _OTHER_MODE.match(code.lstrip()):
        code = _without_prompts(code)
        left_out.append("the REPL's prompts and the output below them")
    if (first := code.lstrip().split("\n", 1)[0]).startswith(";") and first.strip("; \t\r"):
        _refuse_shell(first)
    what = " and ".join(left_out)
    return Pasted(code, f"(Evaluated without {what}.)" if what else "")


def _without_prompts(text: str) -> str:
    """Return the inputs of a REPL's screen, as the REPL itself takes a paste of it.

    The prompt stays where Julia code follows Julia code, as nothing else says there that another
    input begins, before which `ans` is set.
    """
    kept: list[str] = []
    inside = after_code = False
    for line in text.splitlines():
        if line.lstrip().startswith(PROMPT):
            code = line.lstrip().removeprefix(PROMPT)
            if code.startswith(";"):
                _refuse_shell(line)
            is_code = not code.lstrip().startswith(tuple(_SIGNS.values()))
            kept.append(PROMPT + code if is_code and after_code else code)
            inside, after_code = True, is_code
        elif inside and line.startswith(_INDENT):
            kept.append(line.removeprefix(_INDENT))
        elif prompt := _OTHER_MODE.match(line.lstrip()):
            if prompt["mode"] == "shell":
                _refuse_shell(line)
            command = line.lstrip()[prompt.end() :].strip()
            if command:
                kept.append(_SIGNS[prompt["mode"]] + command)
                after_code = False
            inside = False
        else:
            inside = False
    return "\n".join(kept)


def _refuse_shell(line: str) -> NoReturn:
    raise ArgumentError(
        f"Nothing was evaluated: `{short_line(line.strip(), _QUOTED)}` is input for the shell, not "
        "Julia code. Run it in your own shell, or in Julia as run(`...`)."
    )

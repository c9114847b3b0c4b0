"""A hook before the shell tool: `julia -e CODE` is refused with a word about Kaimon's ex.

Reads the hook's JSON on standard input and, to refuse the call, writes JSON with the reason, which
the client tells the model. Anything that is unclear passes.
Standard library only, because it runs with any Python 3 that the client finds.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = (
    'Kaimon has a live Julia session for this: call its tool ex(e="...") with the code instead. '
    "Packages stay loaded and state stays from call to call. If a fresh process is the point "
    "(start-up time, command-line flags), put KAIMON_FRESH=1 before `julia`."
)
STARTERS = {"command", "env", "exec", "nice", "nohup", "sudo", "time", "timeout"}
STARTERS |= {"then", "do", "else", "!", "{"}
WITH_VALUE = {"-t", "-p", "-J", "-C", "-L", "-H"}
SEPARATORS = re.compile(r"[();|&]+|\n")


def commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each simple command in a line of shell, as far as that can be told."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars="();|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = []
    for word in lexer:
        if SEPARATORS.fullmatch(word):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def evaluates(words: list[str]) -> bool:
    """Return whether a simple command is a Julia that is to evaluate code from its arguments."""
    rest = iter(words)
    for word in rest:
        if PurePath(word).name == "julia":
            break
        if word.startswith("KAIMON_FRESH="):
            return False
        # Assignments, and programs that start another one, with their options and numbers.
        if not (re.match(r"\w+=|-|[\d.]+[smhd]?$", word) or PurePath(word).name in STARTERS):
            return False
    for word in rest:
        if word in WITH_VALUE:
            next(rest, None)
        elif re.match(r"-[eE]|--(eval|print)(=|$)", word):
            return True
        elif not word.startswith(("-", "+")):
            return False  # a script; what follows are its arguments
    return False


def main() -> None:
    """Answer one call of the shell tool."""
    try:
        line = json.load(sys.stdin)["tool_input"]["command"]
        # The lines of a heredoc are text, and where it ends is not told here.
        found = "<<" not in line and any(evaluates(words) for words in commands(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    if found:
        decision = {"permissionDecision": "deny", "permissionDecisionReason": WORD}
        json.dump({"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}, sys.stdout)


if __name__ == "__main__":
    main()

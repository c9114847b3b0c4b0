"""Makes bytes from a process into text for a model."""

from __future__ import annotations

import re
from typing import Final

# An escape may be cut by the end of the text. One that is never closed takes its own line at most.
MOST_OUTPUT: Final = 25_000
"""Characters of an answer; clients cut or refuse longer ones."""

_ESCAPES: Final = re.compile(
    r"""
    (?: \x1b\[ | \x9b) [0-?]*+ [ -/]*+ (?: [@-~] | \Z)            # colours, cursor
    | \x1b\] [^\n\x07\x1b]*+ (?: \x07 | \x1b\\ )?                 # titles, links
    | \x1b[PX^_] (?: [^\x1b]*+ \x1b\\ | [^\n\x1b]*+ )             # pictures, device control
    | \x1b [ -/]*+ (?: [0-Z\\^-~] | \Z)                           # short ones
    """,
    re.VERBOSE,
)
# Everything that a terminal acts upon, except tab and newline. A lone escape is one of them.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(data: bytes) -> str:
    """Readable text: no escapes, no control characters, overwritten lines as a terminal shows them.

    Bytes that are no UTF-8 become U+FFFD, so nothing is dropped without a sign.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(_overwritten(line) for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def _overwritten(line: str) -> str:
    # A progress bar repaints its line after each carriage return: the last paint counts.
    paints = [paint for paint in line.split("\r") if paint]
    return paints[-1] if paints else ""


def shorten(text: str, limit: int, hint: str) -> str:
    """At most about ``limit`` characters of a text: two thirds from its head, the rest its tail.

    Args:
        text: to shorten.
        limit: characters that are kept.
        hint: where the rest can be read; goes into the line that stands for what was left out.
    """
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    gap = f"\n[... {len(text) - head - tail} characters left out; {hint} ...]\n"
    return text[:head] + gap + (text[-tail:] if tail else "")

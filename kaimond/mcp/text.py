"""Turns bytes from a process into text for a model, and cuts no character or escape in two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaimond.evals.spool import Spool

MOST_OUTPUT: Final = 25_000
"""Most characters of an answer; clients cut or refuse longer ones."""

# An escape may be cut off by the end of the text. One that is never closed takes at most its line.
_ESCAPES: Final = re.compile(
    r"""
    (?: \x1b\[ | \x9b) [0-?]*+ [ -/]*+ (?: [@-~] | \Z)            # colours, cursor
    | \x1b\] [^\n\x07\x1b]*+ (?: \x07 | \x1b\\ )?                 # titles, links
    | \x1b[PX^_] (?: [^\x1b]*+ \x1b\\ | [^\n\x1b]*+ )             # pictures, device control
    | \x1b [ -/]*+ (?: [0-Z\\^-~] | \Z)                           # short ones
    """,
    re.VERBOSE,
)
# Everything that a terminal acts on, except tab and newline. A lone escape is included.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(data: bytes) -> str:
    """Return readable text: no escapes or controls, overwritten lines as a terminal shows them.

    Bytes that are not UTF-8 become U+FFFD, so nothing is dropped without a sign.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(_overwritten(line) for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def readable(text: str) -> str:
    """Return a text without what a terminal acts upon or UTF-8 cannot say, as in paths and logs."""
    return clean(text.encode("utf-8", "backslashreplace"))


def _overwritten(line: str) -> str:
    # A progress bar repaints its line after each carriage return: the last repaint counts.
    paints = [paint for paint in line.split("\r") if paint]
    return paints[-1] if paints else ""


def shorten(text: str, limit: int, hint: str) -> str:
    """Cut a text to about ``limit`` characters: two thirds from its head, the rest its tail.

    Args:
        text: the text to shorten.
        limit: how many characters are kept.
        hint: where the rest can be read; goes into the line that replaces what is left out.
    """
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    gap = f"\n[... {len(text) - head - tail} characters left out; {hint} ...]\n"
    return text[:head] + gap + (text[-tail:] if tail else "")


LONGEST_PROGRESS: Final = 200
"""Most characters of a progress message; clients show one line."""


def progress_line(text: str) -> str:
    """Return a text as one line that a client can show as progress."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_PROGRESS else f"{line[: LONGEST_PROGRESS - 3]}..."


READ: Final = 2**18
"""Bytes read from each end of an eval's output; more than any answer shows."""

REACH: Final = 2**12
"""Bytes in which an escape sequence that a cut splits is looked for; terminals give up longer ones
as well."""

_WHOLE: Final = re.compile(
    rb"""\x1b (?: \[ [0-?]*+ [ -/]*+ [@-~]
    | \] [^\n\x07\x1b]*+ (?: \x07 | \x1b\\ )
    | [PX^_] [^\x1b]*+ \x1b\\
    | [ -/]*+ [0-OQ-WYZ\\`-~] )""",
    re.VERBOSE,
)
_LONGEST: Final = 4
"""Most bytes of a UTF-8 character."""


def end_of(data: bytes) -> int:
    """Return how many bytes of ``data`` can be shown before the next bytes are known."""
    end = len(data)
    escape = data.rfind(b"\x1b", max(0, end - REACH))
    if escape >= 0 and not _WHOLE.match(data, escape) and b"\n" not in data[escape:]:
        return escape
    for back in range(1, min(_LONGEST, end + 1)):
        byte = data[end - back]
        if byte & 0xC0 != 0x80:  # noqa: PLR2004 - no continuation byte
            return end - back if back < _length(byte) else end
    return end


def begin_of(before: bytes, data: bytes) -> int:
    """Return how many bytes of ``data`` complete the end of ``before`` and are to be skipped."""
    rest = len(before) - end_of(before)
    if not rest:
        return 0
    joined = before[-rest:] + data[:REACH]
    if joined[:1] != b"\x1b":
        missing = data[: _length(joined[0]) - rest]
        others = (at for at, byte in enumerate(missing) if byte & 0xC0 != 0x80)  # noqa: PLR2004
        return next(others, len(missing))
    whole = _WHOLE.match(joined)
    return max(0, whole.end() - rest) if whole else 0


def _length(byte: int) -> int:
    """Return the length in bytes of the character that begins with this byte."""
    if byte < 0xC0:  # noqa: PLR2004 - ASCII
        return 1
    return 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4  # noqa: PLR2004


def shown(spool: Spool, eval_id: str, begin: int, end: int) -> str:
    """Return the output from one byte to another as text; if it is long, its two ends."""
    if end - begin <= 2 * READ:
        return clean(_after(spool, eval_id, begin, end))
    head = spool.piece(eval_id, begin, begin + READ)
    head = head[begin_of(_before(spool, eval_id, begin), head) : end_of(head)]
    tail = _after(spool, eval_id, end - READ, end)
    left = end - begin - len(head) - len(tail)
    gap = f"\n[... {left} bytes left out; all of the output: {spool.path(eval_id)} ...]\n"
    return clean(head) + gap + clean(tail)


def _after(spool: Spool, eval_id: str, begin: int, end: int) -> bytes:
    data = spool.piece(eval_id, begin, end)
    return data[begin_of(_before(spool, eval_id, begin), data) :]


def _before(spool: Spool, eval_id: str, begin: int) -> bytes:
    return spool.piece(eval_id, max(0, begin - REACH), begin)

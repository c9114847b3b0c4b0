"""Turns bytes from a process into text for a model, and cuts no character or escape in two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from kaimond.evals.spool import Spool

MOST_OUTPUT: Final = 25_000
"""Most characters of an answer; clients cut or refuse longer ones."""

MOST_PROGRESS: Final = 200
"""Most characters of a progress message; clients show it in one line."""

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


class Gap(NamedTuple):
    """A place in a text where a part of it was never read.

    Attributes:
        size: bytes that are missing there.
        hint: where they can be read; "" if nowhere.
    """

    size: int
    hint: str = ""

    def line(self) -> str:
        """Return the line that stands in its place."""
        return _omission(f"{self.size} bytes", self.hint)


Parts = Sequence["str | Gap"]
"""A text with gaps."""


def shorten(text: str | Parts, limit: int, hint: str) -> str:
    """Cut a text to about ``limit`` characters: two thirds from its head, the rest its tail.

    The line that replaces what is left out counts all of it, with what the text has lost before.

    Args:
        text: the text to shorten.
        limit: how many characters are kept.
        hint: where the rest can be read; goes into the line that replaces what is left out.
    """
    parts = [text] if isinstance(text, str) else text
    whole = "".join(part for part in parts if isinstance(part, str))
    if len(whole) <= limit:
        return "".join(part if isinstance(part, str) else part.line() for part in parts)
    begin = limit * 2 // 3
    end = len(whole) - (limit - begin)
    head, tail = [whole[:begin]], [whole[end:]]
    at = missing = 0
    for part in parts:
        if isinstance(part, str):
            at += len(part)
        elif begin <= at <= end:
            missing += part.size
        else:
            side, stop = (head, begin) if at < begin else (tail, len(whole))
            last = side.pop()
            split = len(last) - (stop - at)
            side += [last[:split], part.line(), last[split:]]
    left = whole[begin:end]
    # How many characters a gap has nobody knows.
    count = f"{missing + len(left.encode())} bytes" if missing else f"{len(left)} characters"
    return "".join([*head, _omission(count, hint), *tail])


def _omission(count: str, hint: str) -> str:
    return f"\n[... {count} left out{f'; {hint}' if hint else ''} ...]\n"


def short_line(text: str, most: int) -> str:
    """Return the beginning of a text, cut at a word if it has more than ``most`` characters."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    at_word = head.rstrip() if text[most - 1].isspace() else head.rpartition(" ")[0].rstrip()
    # A word that takes half of it, such as a path, is cut.
    return f"{at_word if len(at_word) > most // 2 else head}…"


def last_line(text: str, most: int) -> str:
    """Return the end of a text, cut at a word if it has more than ``most`` characters."""
    return short_line(text[::-1], most)[::-1]


_LONG: Final = 2**20 - 100
"""Bytes of a payload that the gate may have cut; it does so at 1 MiB."""

_NEAR: Final = 100
"""Bytes around the middle of such a payload, where the gate's line about it is."""

_CUT_BY_GATE: Final = re.compile(rb"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n")

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


def shown(spool: Spool, eval_id: str, begin: int, end: int) -> Parts:
    """Return the output from one byte to another as text; if it is long, its two ends."""
    if end - begin <= 2 * READ:
        return [clean(_after(spool, eval_id, begin, end))]
    head = spool.piece(eval_id, begin, begin + READ)
    head = head[begin_of(_before(spool, eval_id, begin), head) : end_of(head)]
    tail = _after(spool, eval_id, end - READ, end)
    left = end - begin - len(head) - len(tail)
    return [clean(head), Gap(left, f"all of the output: {spool.path(eval_id)}"), clean(tail)]


def payload(data: bytes) -> Parts:
    """Return a text that the gate sent; if it was so long that the gate cut it, with the gap."""
    middle = len(data) // 2
    cut = _CUT_BY_GATE.search(data, middle - _NEAR, middle + _NEAR) if len(data) > _LONG else None
    if not cut:
        return [clean(data)]
    return [clean(data[: cut.start()]), Gap(int(cut[1])), clean(data[cut.end() :])]


def _after(spool: Spool, eval_id: str, begin: int, end: int) -> bytes:
    data = spool.piece(eval_id, begin, end)
    return data[begin_of(_before(spool, eval_id, begin), data) :]


def _before(spool: Spool, eval_id: str, begin: int) -> bytes:
    return spool.piece(eval_id, max(0, begin - REACH), begin)

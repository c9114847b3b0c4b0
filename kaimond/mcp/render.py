"""Renders the end of an eval as text for a model."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, NamedTuple

from kaimond.evals.eval import PERSON, Status
from kaimond.evals.notes import STASH
from kaimond.mcp.answer import Answer
from kaimond.mcp.text import clean, end_of, shorten, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.evals.eval import Eval, Outcome
    from kaimond.evals.spool import Spool

WORTH_TELLING: Final = 1.0
"""Seconds in the queue from which on the wait is mentioned."""

FILES: Final = 5
"""Most files that are named one by one."""

IMAGES: Final = ("image/png", "image/jpeg")
"""The types that clients show as pictures; SVG goes into the text."""


def render(item: Eval, spool: Spool, limit: int, *, printed: bool = True) -> Answer:
    """Return the answer to a call that waited for an eval.

    Args:
        item: an eval that has ended.
        spool: the spool of its session.
        limit: most characters of text.
        printed: whether to show what it printed.
    """
    outcome = item.outcome
    assert outcome is not None, "only an eval that has ended is rendered"
    blocks = [_printed(item, outcome, spool) if printed else "", *_shown(outcome)]
    text = "\n".join(block.rstrip("\n") for block in blocks if block.strip("\n"))
    hint = f"all of the output: {spool.path(item.id)}" if outcome.output else "show less of it"
    text = shorten(text, limit, hint)
    failure = _failure(item, outcome, limit)
    text = "\n".join(part for part in (text, failure) if part) or _nothing(item, outcome)
    return Answer(
        text + _waited(item) + _revised(outcome),
        is_error=outcome.status is not Status.DONE,
        images=_images(outcome),
        meta={"kaimon/eval": item.id, "kaimon/session": item.session},
    )


class Pieces(NamedTuple):
    """The end of an eval in pieces, for somebody who has seen its output already.

    Attributes:
        shown: what was displayed, and the value, each as text.
        failure: the error and its backtrace, or why it did not end by itself; "" if it succeeded.
        notes: what is to be known besides, in sentences.
    """

    shown: tuple[str, ...]
    failure: str
    notes: tuple[str, ...]


def pieces(item: Eval, limit: int) -> Pieces:
    """Return the end of an eval without its output.

    Args:
        item: an eval that has ended.
        limit: most characters of each piece.
    """
    outcome = item.outcome
    assert outcome is not None, "only an eval that has ended is rendered"
    shown = (block.rstrip("\n") for block in _shown(outcome))
    notes = (_waited(item), _revised(outcome))
    return Pieces(
        tuple(shorten(block, limit, "show less of it") for block in shown),
        _failure(item, outcome, limit),
        tuple(note.strip("\n") for note in notes if note),
    )


def output(item: Eval, spool: Spool) -> str:
    """Return the output of an eval that has ended, without what a terminal acts upon.

    Of a long one, its two ends.
    """
    assert item.outcome is not None, "only an eval that has ended is rendered"
    return _printed(item, item.outcome, spool)


def _printed(item: Eval, outcome: Outcome, spool: Spool) -> str:
    if outcome.kept:
        # The spool is gone, or will be.
        head, tail = outcome.part("output:head"), outcome.part("output:tail")
        omitted = outcome.output - len(head) - len(tail)
        if omitted <= 0:
            return clean(head + tail)
        return f"{clean(head[: end_of(head)])}\n[... {omitted} bytes left out ...]\n{clean(tail)}"
    if outcome.output and not spool.size(item.id):
        return f"[... its {outcome.output} bytes of output are no longer kept ...]"
    return shown(spool, item.id, 0, outcome.output)


def _shown(outcome: Outcome) -> list[str]:
    """Return displayed things and the value, as text."""
    blocks = []
    for name, value in outcome.parts:
        place, _, mime = name.partition(":")
        if place in ("display", "value") and mime in ("text/plain", "text/x-error"):
            text = clean(value)
            blocks.append(f"(it could not be shown: {text})" if mime == "text/x-error" else text)
        elif place in ("display", "value") and mime == "image/svg+xml":
            blocks.append(f"(an SVG image of {len(value)} bytes)")
    return blocks


def stashed(parts: Iterable[tuple[str, bytes]], limit: int) -> str:
    """Return the stashed values, each on a line or, if its text has several, in a block."""
    lines = []
    for name, value in parts:
        if name.startswith(STASH):
            text = clean(value).strip("\n")
            gap = "\n" if "\n" in text else " "
            lines.append(f"Stashed {clean(name.removeprefix(STASH).encode())}:{gap}{text}")
    return shorten("\n".join(lines), limit, "max_output shows more of them")


def _images(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    found = ((name.partition(":"), value) for name, value in outcome.parts)
    return tuple(
        (mime, base64.b64encode(value).decode())
        for (place, _, mime), value in found
        if place in ("display", "value") and mime in IMAGES
    )


def _failure(item: Eval, outcome: Outcome, limit: int) -> str:
    if outcome.reason:
        verb = "was interrupted" if outcome.status is Status.INTERRUPTED else "is lost"
        return f"ERROR: eval {item.id} {verb}: {outcome.reason}."
    if outcome.status is Status.DONE:
        return ""
    error = clean(outcome.text("error").encode()) or "unknown error"
    backtrace = clean(outcome.text("backtrace").encode()).strip("\n")
    text = f"ERROR: {error.rstrip()}"
    if backtrace:
        text += f"\n{backtrace}"
    return shorten(text, limit, "the rest is a longer message or backtrace")


def _revised(outcome: Outcome) -> str:
    """Return which changed source was loaded for the eval, and what is not current."""
    reloaded = clean(outcome.text("reloaded").encode()).splitlines()
    stale = clean(outcome.text("stale").encode()).splitlines()
    lines = []
    if reloaded:
        lines.append(f"(Changed source taken up: {_some(reloaded, ', ')}.)")
    if stale:
        lines.append("WARNING: this answer may be stale. Not current:")
        lines.append("  " + _some(stale, "\n  "))
    return "".join(f"\n{line}" for line in lines)


def _some(lines: list[str], separator: str) -> str:
    more = len(lines) - FILES
    shown = lines if more <= 0 else [*lines[:FILES], f"and {more} more"]
    return separator.join(shown)


def _waited(item: Eval) -> str:
    waited = item.began - item.submitted
    if not item.waited_for or waited < WORTH_TELLING:
        return ""
    what = "what a person evaluated at a terminal"
    if item.waited_for != PERSON:
        what = f"eval {item.waited_for} of this session"
    return f"\n(It had waited {waited:.1f} s behind {what}.)"


def _nothing(item: Eval, outcome: Outcome) -> str:
    hidden = " q=true hides the value; q=false shows it." if item.quiet else ""
    printed = "" if outcome.output else ", nothing was printed"
    return f"Done in {outcome.elapsed:.3f} s{printed}.{hidden}"

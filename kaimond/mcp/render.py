"""Renders the end of an eval as text for a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from kaimond.evals.eval import PERSON, Status
from kaimond.evals.notes import STASH
from kaimond.mcp.answer import Answer
from kaimond.mcp.pictures import pictures_of, vector_pictures
from kaimond.mcp.text import Gap, clean, end_of, payload, shorten, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.evals.eval import Eval, Outcome
    from kaimond.evals.spool import Spool
    from kaimond.mcp.text import Parts

WORTH_TELLING: Final = 1.0
"""Seconds in the queue from which on the wait is mentioned."""

FILES: Final = 5
"""Most files that are named one by one."""


async def render(
    item: Eval,
    spool: Spool,
    limit: int,
    *,
    printed: bool = True,
    pictures_from: int = 1,
    svg: bool = False,
) -> Answer:
    """Return the answer to a call that waited for an eval.

    Args:
        item: an eval that has ended.
        spool: the spool of its session.
        limit: most characters of text.
        printed: whether to show what it printed.
        pictures_from: number of the first picture that is shown.
        svg: whether SVG pictures are shown as text.
    """
    outcome = item.outcome
    assert outcome is not None, "only an eval that has ended is rendered"
    blocks = [_printed(item, outcome, spool)] if printed else []
    blocks += [*_shown(outcome), *_summary(outcome)]
    hint = f"all of the output: {spool.path(item.id)}" if outcome.output else "show less of it"
    text = shorten(_in_lines(blocks), limit, hint)
    pictures = await pictures_of(outcome, item.id, spool, pictures_from)
    drawn = await vector_pictures(outcome, item.id, spool, limit if svg else 0)
    failure = _failure(item, outcome, limit)
    said = [text, *drawn, *pictures.remarks, failure]
    text = "\n".join(part for part in said if part)
    if not text and not pictures.images:
        nothing = "" if outcome.output else ", nothing was printed"
        text = f"Done in {outcome.elapsed:.3f} s{nothing}."
    return Answer(
        (text + _waited(item) + _revised(outcome)).lstrip("\n"),
        is_error=outcome.status is not Status.DONE,
        images=pictures.images,
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
    notes = (_waited(item), _revised(outcome))
    return Pieces(
        tuple(shorten(_in_lines([block]), limit, "show less of it") for block in _shown(outcome)),
        _failure(item, outcome, limit),
        tuple(note.strip("\n") for note in notes if note),
    )


def output(item: Eval, spool: Spool) -> str:
    """Return the output of an eval that has ended, without what a terminal acts upon.

    Of a long one, its two ends.
    """
    assert item.outcome is not None, "only an eval that has ended is rendered"
    return shorten(_printed(item, item.outcome, spool), sys.maxsize, "")


def _printed(item: Eval, outcome: Outcome, spool: Spool) -> Parts:
    if outcome.kept:
        # The spool is gone, or will be.
        head, tail = outcome.part("output:head"), outcome.part("output:tail")
        omitted = outcome.output - len(head) - len(tail)
        if omitted <= 0:
            return [clean(head + tail)]
        return [clean(head[: end_of(head)]), Gap(omitted), clean(tail)]
    if outcome.output and not spool.size(item.id):
        return [f"[... its {outcome.output} bytes of output are no longer kept ...]"]
    return shown(spool, item.id, 0, outcome.output)


def _shown(outcome: Outcome) -> list[Parts]:
    """Return displayed things and the value, as text."""
    blocks: list[Parts] = []
    for name, value in outcome.parts:
        place, _, mime = name.partition(":")
        if place in ("display", "value") and mime == "text/plain":
            blocks.append(payload(value))
        elif place in ("display", "value") and mime == "text/x-error":
            blocks.append(["(it could not be shown: ", *payload(value), ")"])
    return blocks


def _summary(outcome: Outcome) -> list[Parts]:
    """Return what the value is, in one line, if it is not shown."""
    summary = clean(outcome.part("summary"))
    more = " (q=false shows it)" if outcome.part("partial") else ""
    return [[f"=> {summary}{more}"]] if summary else []


def _in_lines(blocks: list[Parts]) -> Parts:
    """Join blocks of text, each in lines of its own; those that are blank are left out."""
    parts: list[str | Gap] = []
    for block in blocks:
        kept = list(block)
        if isinstance(kept[-1], str):
            kept[-1] = kept[-1].rstrip("\n")
        if any(isinstance(part, Gap) or part.strip("\n") for part in kept):
            parts += ["\n", *kept] if parts else kept
    return parts


def stashed(parts: Iterable[tuple[str, bytes]], limit: int) -> str:
    """Return the stashed values, each on a line or, if its text has several, in a block."""
    lines = []
    for name, value in parts:
        if name.startswith(STASH):
            text = clean(value).strip("\n")
            gap = "\n" if "\n" in text else " "
            lines.append(f"Stashed {clean(name.removeprefix(STASH).encode())}:{gap}{text}")
    return shorten("\n".join(lines), limit, "max_output shows more of them")


def _failure(item: Eval, outcome: Outcome, limit: int) -> str:
    if outcome.reason:
        verb = "was interrupted" if outcome.status is Status.INTERRUPTED else "is lost"
        return f"ERROR: eval {item.id} {verb}: {outcome.reason}."
    if outcome.status is Status.DONE:
        return ""
    error: Parts = payload(outcome.part("error") or b"unknown error")
    backtrace = payload(outcome.part("backtrace"))
    return shorten(
        _in_lines([["ERROR: ", *error], backtrace]),
        limit,
        "the rest is a longer message or backtrace",
    )


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

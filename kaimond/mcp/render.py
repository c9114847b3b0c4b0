"""Renders the end of an eval as text for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    item: Eval, spool: Spool, limit: int, *, pictures_from: int = 1, svg: bool = False
) -> Answer:
    """Return the answer to a call that waited for an eval.

    Args:
        item: an eval that has ended.
        spool: the spool of its session.
        limit: most characters of text.
        pictures_from: number of the first picture that is shown.
        svg: whether SVG pictures are shown as text.
    """
    outcome = item.outcome
    assert outcome is not None, "only an eval that has ended is rendered"
    blocks = [_printed(item, outcome, spool), *_shown(outcome)]
    hint = f"all of the output: {spool.path(item.id)}" if outcome.output else "show less of it"
    text = shorten(_in_lines(blocks), limit, hint)
    pictures = await pictures_of(outcome, item.id, spool, pictures_from)
    drawn = await vector_pictures(outcome, item.id, spool, limit if svg else 0)
    failure = _failure(item, outcome, limit)
    said = [text, *drawn, *pictures.remarks, failure]
    text = "\n".join(part for part in said if part)
    if not text and not pictures.images:
        text = f"Done in {outcome.elapsed:.3f} s, nothing was printed."
    return Answer(
        (text + _waited(item) + _revised(outcome)).lstrip("\n"),
        is_error=outcome.status is not Status.DONE,
        images=pictures.images,
        meta={"kaimon/eval": item.id, "kaimon/session": item.session},
    )


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
    if summary := clean(outcome.part("summary")):
        more = " (q=false shows it)" if outcome.part("partial") else ""
        blocks.append([f"=> {summary}{more}"])
    return blocks


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

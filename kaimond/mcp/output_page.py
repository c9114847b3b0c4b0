"""Parts of an eval's output, by offsets in bytes that the caller names.

Who has been shown what is not remembered: agents may share a connection, and each of them goes on
from the offset that its own last answer named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaimond.mcp.text import REACH, begin_of, clean, end_of

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.evals.spool import Spool


@dataclass(frozen=True)
class Page:
    """A part of an eval's output. Offsets and sizes are in bytes.

    Attributes:
        eval_id: the eval.
        begin: where the part begins.
        end: where it ends, and the next one begins.
        size: how much there is altogether.
        text: the part as readable text, without half a character or escape at either end.
        ended: whether the eval has ended, so that nothing will be added.
    """

    eval_id: str
    begin: int
    end: int
    size: int
    text: str
    ended: bool

    @property
    def last(self) -> bool:
        """Whether nothing comes after this part, now or later."""
        return self.ended and self.end >= self.size

    @property
    def following(self) -> str:
        """How to ask for what comes after, as the beginning of a sentence."""
        return f'check_eval(eval_id="{self.eval_id}", offset={self.end})'

    def where(self, *, tail: bool) -> str:
        """Return which part of how much output this is, in words.

        Args:
            tail: whether to say how what comes before is shown, as nobody has asked for this part.
        """
        so_far = "Output" if self.ended else "Output so far"
        if not self.size:
            return f"{so_far}: none."
        if self.begin == self.end:
            return f"{so_far}: {self.size} bytes, none after byte {self.end}."
        start = " offset=0 shows it from its beginning." if tail and self.begin else ""
        return f"{so_far}: {self.size} bytes; shown: from byte {self.begin} to {self.end}.{start}"

    def told(self, *, tail: bool) -> str:
        """Return the part below words that say which it is and how to ask for others.

        Args:
            tail: see `where`.
        """
        words = self.where(tail=tail)
        if not self.last:
            words += f" {self.following} shows what comes after."
        return "\n".join(filter(None, [words, self.text.rstrip("\n")]))


def page(item: Eval, spool: Spool, limit: int, offset: int | None = None) -> Page:
    """Return the output from an offset on, or its end if no offset is given.

    Args:
        item: the eval, which may run.
        spool: the spool of its session.
        limit: most bytes.
        offset: where to begin; if what is there is no longer kept, the part begins after it.
    """
    size = item.outcome.output if item.outcome else spool.size(item.id)
    head, tail = _kept(item, spool, size)
    begin = max(0, size - limit) if offset is None else min(offset, size)
    lost = ""
    if head <= begin < tail:
        lost = f"[... {tail - begin} bytes are no longer kept ...]\n"
        begin = tail
    end = min(begin + limit, head if begin < head else size)
    before = _piece(item, spool, max(begin - REACH, tail if begin >= tail else 0), begin)
    data = _piece(item, spool, begin, end)
    skipped = begin_of(before, data)
    if offset is None and begin and not lost:
        # Nobody has asked for this byte, so the part begins with a line if one is near.
        skipped = max(skipped, data.find(b"\n", 0, limit // 4) + 1)
    data = data[skipped:]
    if end < size:
        # Half a character is left to the next part, but never so that this one stays empty.
        data = data[: end_of(data) or len(data)]
    elif item.outcome is None:
        data = data[: end_of(data)]
    begin += skipped
    ended = item.outcome is not None
    return Page(item.id, begin, begin + len(data), size, lost + clean(data), ended)


def _kept(item: Eval, spool: Spool, size: int) -> tuple[int, int]:
    """Return the offsets up to which the head of the output is kept, and from which its tail is."""
    outcome = item.outcome
    if outcome and outcome.kept:
        return len(outcome.part("output:head")), size - len(outcome.part("output:tail"))
    return min(size, spool.size(item.id)), size


def _piece(item: Eval, spool: Spool, begin: int, end: int) -> bytes:
    """Return the bytes from ``begin`` to ``end``, which are both in the head or in the tail."""
    outcome = item.outcome
    if not (outcome and outcome.kept):
        return spool.piece(item.id, begin, end)
    head, tail = outcome.part("output:head"), outcome.part("output:tail")
    if begin < len(head):
        return head[begin:end]
    start = outcome.output - len(tail)
    return tail[begin - start : end - start]

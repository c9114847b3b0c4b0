"""Cuts through output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.evals.spool import Spool
from kaimond.mcp.text import READ, Gap, begin_of, clean, end_of, shown
from tests.mcp.test_text import ESCAPES

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = [*ESCAPES[:-1], b"a", b"\n", "é".encode(), "€".encode(), "🂡".encode()]
TEXTS = st.lists(st.sampled_from(WHOLE), min_size=1, max_size=8).map(b"".join)


@given(TEXTS, st.data())
def test_a_text_that_is_cut_anywhere_reads_as_if_it_were_not(
    text: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    first = text[: end_of(text[:at])]
    assert clean(first) + clean(text[len(first) :]) == clean(text)


@given(TEXTS, st.data())
def test_the_tail_of_a_text_begins_with_something_whole(text: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    tail = text[at:][begin_of(text[:at], text[at:]) :]
    assert clean(text).endswith(clean(tail))


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_whatever_is_cut_something_is_shown_in_the_end(before: bytes, data: bytes) -> None:
    assert 0 <= end_of(data) <= len(data)
    assert 0 <= begin_of(before, data) <= len(data)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x80\x80\x80\x80", b"\x1b]" + b"x" * 5000])
def test_what_is_no_text_or_never_closed_is_not_held_back_for_ever(data: bytes) -> None:
    assert end_of(data + b"y" * 5000) == len(data) + 5000


def test_both_ends_of_a_flood_are_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    red = b"\x1b[31m"
    for shift in range(len(red) + 1):
        head = b"x" * (READ - shift) + red + b"A"
        tail = b"Z" + red + b"y" * (READ - len(red) + shift)
        data = head + b"." * 1000 + tail
        spool.path("0a").write_bytes(data)
        first, gap, last = shown(spool, "0a", 0, len(data))
        assert set(str(first)) <= {"x", "A"}, shift
        assert isinstance(gap, Gap)
        assert set(str(last)) <= {"y", "Z"}, shift
        assert shown(spool, "0a", 1, 10) == ["x" * 9]

"""Bytes of a process as text for a model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.mcp.text import Gap, clean, last_line, short_line, shorten

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ESCAPES = [
    b"\x1b[31m",
    b"\x1b[1;38;5;214m",
    b"\x1b[?25l",
    b"\x1b[2 q",
    b"\x1b]0;title\x07",
    b"\x1b]8;;file:///x\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b_Gf=100;AAAA\x1b\\",
    b"\x1b(B",
    b"\x1b7",
    b"\xc2\x9b31m",
]
PIECES = st.lists(
    st.sampled_from([*ESCAPES, b"a", b"\n", b"\r", b"\t", b"\x1b", b"\x07", b"\xff", b"\xc3\xa9"]),
    max_size=12,
).map(b"".join)


@given(st.binary(max_size=200) | PIECES)
def test_no_control_character_survives(data: bytes) -> None:
    assert not CONTROLS.search(clean(data))


@given(st.binary(max_size=200) | PIECES)
def test_what_is_clean_stays_as_it_is(data: bytes) -> None:
    once = clean(data)
    assert clean(once.encode()) == once


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100))
def test_text_without_control_characters_is_not_touched(text: str) -> None:
    assert clean(text.encode()) == text


@pytest.mark.parametrize("escape", ESCAPES, ids=repr)
def test_an_escape_leaves_no_trace(escape: bytes) -> None:
    assert clean(b"a" + escape + b"b") == "ab"


@pytest.mark.parametrize("escape", ESCAPES[:-1], ids=repr)
def test_an_escape_that_is_cut_at_any_byte_leaves_no_trace(escape: bytes) -> None:
    for end in range(1, len(escape)):
        assert clean(b"a" + escape[:end]) == "a", escape[:end]


def test_a_title_that_is_never_closed_takes_its_line_at_most() -> None:
    assert clean(b"a\x1b]0;title\nresult\nmore\n") == "a\nresult\nmore\n"
    assert clean(b"a\x1b]0;title\nresult\nbell\x07") == "a\nresult\nbell"


def test_a_picture_over_several_lines_is_taken_out_whole() -> None:
    assert clean(b"a\x1bPq#0;2;0\n#1;2\n\x1b\\b") == "ab"


def test_a_progress_bar_shows_its_last_paint() -> None:
    assert clean(b"10%\r50%\r100%\ndone") == "100%\ndone"
    assert clean(b"10%\r100%\r\n") == "100%\n"
    assert clean(b"\r\r\n") == "\n"


def test_what_is_no_utf8_shows() -> None:
    assert clean(b"a\xffb") == "a\ufffdb"


def test_many_unfinished_escapes_take_no_time() -> None:
    clean(b"\x1bP" * 100_000)
    clean(b"\x1b]" * 100_000)
    clean(b"\x1b[" + b"0" * 200_000)


@given(st.text(max_size=100), st.integers(0, 60))
def test_a_short_text_is_kept_and_of_a_long_one_both_ends(text: str, limit: int) -> None:
    shown = shorten(text, limit, "there")
    if len(text) <= limit:
        assert shown == text
        return
    assert f"[... {len(text) - limit} characters left out; there ...]" in shown
    head, _, rest = shown.partition("\n[... ")
    if "\n[... " not in text:
        tail = rest.partition(" ...]\n")[2]
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + len(tail) == limit


PARTS = st.lists(st.one_of(st.text("ab", max_size=9), st.integers(1, 99).map(Gap)), max_size=8)


@given(PARTS, st.integers(0, 40))
def test_all_that_a_text_has_lost_is_counted_once(parts: list[str | Gap], limit: int) -> None:
    shown = shorten(parts, limit, "")
    counts = re.findall(r"\n\[\.\.\. (\d+) (?:bytes|characters) left out \.\.\.\]\n", shown)
    kept = re.sub(r"\n\[[^]]*\]\n", "", shown)
    whole = sum(part.size if isinstance(part, Gap) else len(part) for part in parts)
    assert len(kept) + sum(map(int, counts)) == whole
    assert len(kept) <= limit or not counts


@given(st.text("ab c", max_size=40), st.integers(1, 40))
def test_a_line_is_cut_at_a_word_if_it_must_be(text: str, most: int) -> None:
    head, tail = short_line(text, most), last_line(text, most)
    assert (head == text) == (tail == text) == (len(text) <= most)
    if len(text) > most:
        assert len(head) <= most
        assert len(tail) <= most
        assert text.startswith(head[:-1])
        assert text.endswith(tail[1:])


def test_a_cut_line_ends_and_begins_with_whole_words() -> None:
    assert short_line("one two three", 9) == "one two…"
    assert last_line("one two three", 10) == "…two three"
    assert short_line("x" * 30, 10) == "x" * 9 + "…"

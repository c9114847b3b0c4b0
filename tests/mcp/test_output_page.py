"""Parts of output, by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.spool import Spool
from kaimond.mcp.output_page import Page, page
from kaimond.mcp.text import clean
from tests.mcp.test_cuts import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

RUNS = Eval("0a", "key", "boot", "code", "agent", 1.0, began=1.0)


def ended(size: int, *parts: tuple[str, bytes]) -> Eval:
    return RUNS.ended(Outcome(Status.DONE, 1.0, size, parts), 2.0)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


def read(item: Eval, spool: Spool, limit: int) -> list[Page]:
    """All parts, each from the offset that the one before it has named."""
    pages = [page(item, spool, limit, 0)]
    while pages[-1].end < pages[-1].size:
        pages.append(page(item, spool, limit, pages[-1].end))
        assert pages[-1].end > pages[-2].end
    return pages


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.integers(1, 40))
def test_parts_follow_each_other_and_read_as_one_text(
    spool: Spool, data: bytes, limit: int
) -> None:
    spool.path("0a").write_bytes(data)
    # A limit below an escape's length has to cut it.
    limit = max(limit, *map(len, data.split(b"\n")))
    pages = read(ended(len(data)), spool, limit)
    assert "".join(one.text for one in pages) == clean(data)
    assert [one.last for one in pages] == [False] * (len(pages) - 1) + [True]


def test_characters_are_whole_however_small_the_parts(spool: Spool) -> None:
    text = "é€🂡" * 20
    spool.path("0a").write_bytes(text.encode())
    assert "".join(one.text for one in read(ended(180), spool, 7)) == text


def test_of_an_eval_that_runs_half_a_character_waits_for_its_other_half(spool: Spool) -> None:
    text = "a€".encode()
    spool.path("0a").write_bytes(text[:-1])
    first = page(RUNS, spool, 100, 0)
    assert (first.text, first.end, first.last) == ("a", 1, False)
    assert page(RUNS, spool, 100, 1).begin == page(RUNS, spool, 100, 1).end == 1
    spool.path("0a").write_bytes(text)
    assert page(RUNS, spool, 100, 1).text == "€"


def test_without_an_offset_the_end_is_shown_and_how_to_see_the_rest(spool: Spool) -> None:
    spool.path("0a").write_bytes(b"x" * 50 + "€€".encode())
    # The cut is in the first of the two.
    found = page(RUNS, spool, 5)
    assert found.told(tail=True) == (
        "Output so far: 56 bytes; shown: from byte 53 to 56. offset=0 shows it from its beginning. "
        'check_eval(eval_id="0a", offset=56) shows what comes after.\n€'
    )


def test_the_end_that_is_shown_begins_with_a_line_if_one_is_near(spool: Spool) -> None:
    spool.path("0a").write_bytes(b"first line\nsecond\n" + b"x" * 80)
    assert page(RUNS, spool, 90).text == "second\n" + "x" * 80
    assert page(RUNS, spool, 81).text == "x" * 80
    assert page(RUNS, spool, 40).text == "x" * 40
    assert page(RUNS, spool, 90, 9).text.startswith("e\nsecond\n")


def test_nobody_is_told_of_what_comes_after_the_end(spool: Spool) -> None:
    spool.path("0a").write_bytes(b"all")
    assert page(ended(3), spool, 9, 0).told(tail=False) == (
        "Output: 3 bytes; shown: from byte 0 to 3.\nall"
    )
    assert page(ended(3), spool, 9, 99).told(tail=False) == "Output: 3 bytes, none after byte 3."
    assert page(ended(0), spool, 9, 0).told(tail=False) == "Output: none."
    nothing = page(Eval("0b", "key", "boot", "code", "agent", 1.0), spool, 9)
    after = 'check_eval(eval_id="0b", offset=0) shows what comes after.'
    assert nothing.told(tail=True) == f"Output so far: none. {after}"


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (ended(100, ("output:head", b"ab"), ("output:tail", b"yz")), ["ab", "[... 96 bytes", "yz"]),
        (ended(2, ("output:head", b"ab"), ("output:tail", b"")), ["ab"]),
        (ended(100), ["[... 100 bytes are no longer kept ...]\n"]),
    ],
)
def test_what_is_no_longer_kept_is_told_and_skipped(
    spool: Spool, item: Eval, told: list[str]
) -> None:
    pages = read(item, spool, 10)
    text = "".join(one.text for one in pages)
    assert pages[-1].last
    for words in told:
        assert words in text
        text = text[text.index(words) + len(words) :]
    assert page(item, spool, 2).text in (told[-1], "[... 2 bytes are no longer kept ...]\n")

"""The end of an eval in words."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.spool import Spool
from kaimond.mcp.render import render, stashed
from kaimond.mcp.text import READ

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.mcp.answer import Answer


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


def ended(status: Status = Status.DONE, *parts: tuple[str, bytes], **more: Any) -> Eval:
    item = Eval("0a", "key", "boot", "code", "agent", 1.0)
    return item.ended(Outcome(status, parts=parts, **more), 2.0)


def show(spool: Spool, item: Eval, printed: bytes = b"", limit: int = 6000) -> Answer:
    if printed:
        spool.path(item.id).write_bytes(printed)
        assert item.outcome
        item = replace(item, outcome=replace(item.outcome, output=len(printed)))
    return asyncio.run(render(item, spool, limit))


def test_a_value_is_shown_as_it_is(spool: Spool) -> None:
    answer = show(spool, ended(Status.DONE, ("value:text/plain", b"42"), ("type", b"Int64")))
    assert answer.text == "42"
    assert not answer.is_error
    assert answer.meta == {"kaimon/eval": "0a", "kaimon/session": "key"}


def test_output_comes_before_what_is_shown(spool: Spool) -> None:
    item = ended(Status.DONE, ("display:text/plain", b"shown"), ("value:text/plain", b"42"))
    assert show(spool, item, b"printed\n").text == "printed\nshown\n42"


def test_nothing_is_told_as_nothing(spool: Spool) -> None:
    assert show(spool, ended(elapsed=0.5)).text == "Done in 0.500 s, nothing was printed."


def test_a_value_that_is_not_wanted_is_one_line_after_the_output(spool: Spool) -> None:
    item = ended(Status.DONE, ("summary", b"2"))
    assert show(spool, item).text == "=> 2"
    item = ended(Status.DONE, ("summary", "2\u00d72 Matrix{Int64}".encode()), ("partial", b"1"))
    assert show(spool, item, b"out\n").text == "out\n=> 2\u00d72 Matrix{Int64} (q=false shows it)"


def test_an_error_comes_with_its_backtrace_after_the_output(spool: Spool) -> None:
    item = ended(
        Status.FAILED,
        ("error", b"DomainError with -1"),
        ("backtrace", b" [1] sqrt\n"),
        ("trace", b"all of it"),
    )
    answer = show(spool, item, b"printed\n")
    assert answer.text == "printed\nERROR: DomainError with -1\n [1] sqrt"
    assert answer.is_error


def test_an_interrupted_eval_says_why_and_keeps_what_it_had_printed(spool: Spool) -> None:
    item = ended(
        Status.INTERRUPTED, ("output:head", b"so far\n"), output=7, reason="it was restarted"
    )
    answer = show(spool, item)
    assert answer.text == "so far\nERROR: eval 0a was interrupted: it was restarted."
    assert answer.is_error


def test_a_lost_eval_says_that_it_is_lost_and_how_much_is_left_out(spool: Spool) -> None:
    item = ended(
        Status.LOST,
        ("output:head", b"AAA"),
        ("output:tail", b"ZZZ"),
        output=106,
        reason="the process exited",
    )
    text = show(spool, item).text
    assert "AAA\n[... 100 bytes left out ...]\nZZZ" in text
    assert text.endswith("ERROR: eval 0a is lost: the process exited.")


def test_what_cannot_be_shown_is_no_failure_and_is_told(spool: Spool) -> None:
    answer = show(spool, ended(Status.DONE, ("value:text/x-error", b"show failed")))
    assert answer.text == "(it could not be shown: show failed)"
    assert not answer.is_error


def test_a_long_text_keeps_both_ends_and_says_where_the_rest_is(spool: Spool) -> None:
    answer = show(spool, ended(), b"A" * 5000 + b"Z" * 5000, limit=300)
    assert answer.text.startswith("A" * 200 + "\n[... 9700 characters left out; ")
    assert str(spool.path("0a")) in answer.text
    assert answer.text.endswith("Z" * 100)


@pytest.mark.parametrize("size", [10_000, 600_000, 1_000_000, 5_000_000])
def test_what_is_left_out_of_a_flood_is_counted_as_a_whole(spool: Spool, size: int) -> None:
    text = show(spool, ended(), b"x" * size, limit=6000).text
    assert re.findall(r"\[\.\.\. (\d+) (?:characters|bytes) left out", text) == [str(size - 6000)]


@pytest.mark.parametrize("part", ["value:text/plain", "error", "backtrace"])
def test_what_the_gate_has_left_out_of_a_value_or_an_error_is_counted_too(
    spool: Spool, part: str
) -> None:
    half = 2**19 - 32
    cut = b"v" * half + b"\n[... 3000000 bytes left out ...]\n" + b"w" * half
    failed = part != "value:text/plain"
    text = show(spool, ended(Status.FAILED if failed else Status.DONE, (part, cut))).text
    counts = re.findall(r"\[\.\.\. (\d+) bytes left out", text)
    assert len(counts) == 1
    # An error begins with a word of ours, which counts among what is shown.
    assert 0 <= int(counts[0]) - (3_000_000 + 2 * half - 6000) < 30


def test_a_gap_in_what_reads_as_a_short_text_is_still_told(spool: Spool) -> None:
    # A progress bar that repaints one line a million times.
    text = show(spool, ended(), b"\r 10%" * 200_000 + b"\r100%\n").text
    assert re.fullmatch(r" 10%?\n\[\.\.\. \d+ bytes left out; .*\]\n100%", text)


def test_a_long_error_is_not_lost_behind_a_long_output(spool: Spool) -> None:
    item = ended(Status.FAILED, ("error", b"E" * 1000))
    text = show(spool, item, b"A" * 10_000, limit=300).text
    assert "ERROR: EEE" in text
    assert len(text) < 1000


def test_a_flood_is_read_at_both_ends_only(spool: Spool) -> None:
    text = show(spool, ended(), b"A" * READ + b"." * 1000 + b"Z" * READ, limit=10**9).text
    assert "[... 1000 bytes left out; all of the output: " in text
    assert "." * 1000 not in text


def test_no_escape_of_the_process_reaches_the_model(spool: Spool) -> None:
    item = ended(
        Status.FAILED,
        ("display:text/plain", b"\x1b[31mred"),
        ("error", b"\x1b]0;title\x07bad"),
        ("backtrace", b"\x1b[1mframe"),
    )
    assert "\x1b" not in show(spool, item, b"\x1b[2Jout").text


def test_output_that_is_no_longer_kept_is_not_passed_over_in_silence(spool: Spool) -> None:
    item = ended(Status.DONE, ("value:text/plain", b"42"), output=1234)
    text = show(spool, item).text
    assert "1234 bytes" in text
    assert "no longer kept" in text
    assert text.endswith("42")


def test_source_that_was_taken_up_is_told_in_one_line_after_the_value(spool: Spool) -> None:
    item = ended(
        Status.DONE,
        ("value:text/plain", b"42"),
        ("reloaded", b"src/a.jl: 2 definitions\nsrc/b.jl: 1 definition"),
    )
    assert show(spool, item).text == (
        "42\n(Changed source taken up: src/a.jl: 2 definitions, src/b.jl: 1 definition.)"
    )


def test_what_is_stale_is_the_last_word_also_of_an_error(spool: Spool) -> None:
    stale = ("stale", b"src/a.jl:3: syntax error: x; correct the file")
    warning = (
        "\nWARNING: this answer may be stale. Not current:"
        "\n  src/a.jl:3: syntax error: x; correct the file"
    )
    assert show(spool, ended(Status.DONE, ("value:text/plain", b"42"), stale)).text == (
        "42" + warning
    )
    answer = show(spool, ended(Status.FAILED, ("error", b"bad"), stale))
    assert answer.text == "ERROR: bad" + warning
    assert show(spool, ended(Status.DONE, stale)).text.endswith(warning)


def test_hundreds_of_stale_files_are_counted(spool: Spool) -> None:
    lines = "\n".join(f"src/{number}.jl: changed" for number in range(200)).encode()
    text = show(spool, ended(Status.DONE, ("stale", lines)), limit=300).text
    assert text.count("changed") == 5
    assert text.endswith("and 195 more")


def test_a_long_value_does_not_push_the_warning_out(spool: Spool) -> None:
    item = ended(Status.DONE, ("value:text/plain", b"A" * 10_000), ("stale", b"src/a.jl: changed"))
    assert show(spool, item, limit=300).text.endswith("src/a.jl: changed")


def test_stashed_values_are_lines_or_blocks() -> None:
    parts = (("stash:loss", b"0.5"), ("value:text/plain", b"1"), ("stash:table", b"a\nb\n"))
    assert stashed(parts, 1000) == "Stashed loss: 0.5\nStashed table:\na\nb"
    assert "characters left out" in stashed((("stash:x", b"y" * 5000),), 100)

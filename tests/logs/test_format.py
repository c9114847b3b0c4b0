from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.logs.context import ContextFilter, about
from kaimond.logs.format import LONGEST_MESSAGE, LineFormatter, escape
from kaimond.logs.parse import Line, Wanted, join, parse_line


def record(
    message: object, *args: object, name: str = "kaimond.supervisor", level: int = logging.INFO
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, args, None)
    made.created = 1_795_269_600.1239
    ContextFilter().filter(made)
    return made


def line(message: object, *args: object) -> str:
    return LineFormatter().format(record(message, *args))


def test_a_line_shows_time_level_session_agent_part_and_message() -> None:
    with about(session="ab12cd34", agent="9f3e1c2a00112233"):
        text = line("started %s", "it")
    assert text == (
        "2026-11-21T14:00:00.123Z INFO  session=ab12cd34 agent=9f3e1c2a supervisor: started it"
    )


def test_without_context_a_dash_stands_for_none() -> None:
    assert " session=- agent=- supervisor: x" in line("x")


def test_context_is_kept_where_nothing_new_is_said_and_ends_with_its_block() -> None:
    with about(session="ab12cd34"), about(agent="9f3e1c2a"):
        assert "session=ab12cd34 agent=9f3e1c2a" in line("x")
    assert "session=- agent=-" in line("x")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x85b\u2028c\u2029d", r"a\x85b\u2028c\u2029d"),
        ("\u202egnirts", r"\u202egnirts"),
        ("\ud800", r"\ud800"),
        ("tab\tnul\0del\x7f", r"tab\tnul\x00del\x7f"),
        ("grüße 🙂 \\n", "grüße 🙂 \\n"),
        (
            "x\n2026-11-21T14:00:00.123Z ERROR session=- agent=- supervisor: forged",
            r"x\n2026-11-21T14:00:00.123Z ERROR session=- agent=- supervisor: forged",
        ),
    ],
)
def test_nothing_in_a_message_can_forge_a_line_or_an_escape(message: str, shown: str) -> None:
    text = line(message)
    assert text.endswith(f"supervisor: {shown}")
    assert "\n" not in text


def test_context_and_logger_names_cannot_forge_either() -> None:
    with about(session="a b\n=c", agent="\x1b[0m x: y"):
        made = record("m", name="x: y\nz")
    text = LineFormatter().format(made)
    parsed = parse_line(text)
    assert parsed is not None
    assert (parsed.session, parsed.logger, parsed.message) == ("a_b__c", "x__y_z", "m")


def test_a_traceback_follows_indented_and_escaped() -> None:
    made = record("it failed", level=logging.ERROR)
    forged = "two\n2026-11-21T14:00:00.123Z ERROR session=- agent=- x: lines \x1b[1m"
    try:
        {"": ""}[forged].strip()
    except KeyError:
        made.exc_info = (ValueError, ValueError(forged), sys.exc_info()[2])
    head, *below = LineFormatter().format(made).split("\n")
    assert head.endswith("ERROR session=- agent=- supervisor: it failed")
    assert below[0] == "    Traceback (most recent call last):"
    assert all(text.startswith("    ") for text in below)
    assert below[-1].endswith(r"lines \x1b[1m")


def test_a_stack_is_shown_like_a_traceback() -> None:
    made = record("here")
    made.stack_info = "Stack:\n  frame"
    assert LineFormatter().format(made).endswith("here\n    Stack:\n      frame")


def test_a_message_that_does_not_fit_its_arguments_is_written_all_the_same() -> None:
    assert "of %d (its arguments do not fit)" in line("%d of %d", "x")


def test_an_exception_that_cannot_be_shown_is_named() -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    made = record("m")
    made.exc_info = (BadError, BadError(), None)
    assert "BadError" in LineFormatter().format(made)


def test_a_huge_message_loses_its_middle() -> None:
    text = line("a" * 10_000_000 + "END")
    assert len(text) < LONGEST_MESSAGE + 200
    assert "characters left out" in text
    assert text.endswith("END")


def test_levels_are_the_four_we_name() -> None:
    for number, name in ((5, "DEBUG"), (25, "INFO"), (30, "WARNING"), (50, "ERROR")):
        made = record("m", level=number)
        parsed = parse_line(LineFormatter().format(made))
        assert parsed is not None
        assert parsed.level == name


@given(st.text(st.characters()))
def test_every_message_gives_one_line_that_reads_back(message: str) -> None:
    with about(session="ab12cd34", agent="9f3e1c2a"):
        text = line("%s", message)
    assert text.splitlines() == [text]
    parsed = parse_line(text)
    assert parsed is not None
    assert (parsed.session, parsed.agent, parsed.logger) == ("ab12cd34", "9f3e1c2a", "supervisor")
    assert parsed.message == escape(message)
    text.encode()


def test_a_parsed_line_gives_the_fields_for_json() -> None:
    [parsed] = join(["2026-11-21T14:00:00.123Z WARNING session=- agent=- gate: m", "    more"])
    assert parsed.as_dict() == {
        "time": "2026-11-21T14:00:00.123Z",
        "level": "WARNING",
        "session": "-",
        "agent": "-",
        "logger": "gate",
        "message": "m\n    more",
    }


def test_text_before_any_record_is_kept_as_it_is() -> None:
    stray, first = join(["rubbish", "2026-11-21T14:00:00.123Z INFO  session=- agent=- x: m"])
    assert (stray.time, stray.message) == (None, "rubbish")
    assert stray.as_dict()["time"] is None
    assert first.message == "m"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "    Traceback",
        "2026-11-21T14:00:00.123Z FATAL session=- agent=- x: m",
        "2026-02-31T14:00:00.123Z INFO  session=- agent=- x: m",
        "2026-11-21T14:00:00.123Z INFO  session=- x: m",
    ],
)
def test_what_is_no_record_is_not_taken_for_one(text: str) -> None:
    assert parse_line(text) is None


def test_a_filter_for_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of DEBUG, INFO, WARNING, ERROR"):
        Wanted(level="loud")


def test_stray_text_matches_only_if_nothing_is_asked_for() -> None:
    stray = Line(None, "", "-", "-", "", "x", "x")
    assert Wanted().matches(stray)
    assert not Wanted(level="debug").matches(stray)

"""Which session a call means, and what it hears if that cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.supervisor.view import iso

if TYPE_CHECKING:
    from tests.supervisor.conftest import Desk


def test_the_only_session_need_not_be_named(desk: Desk) -> None:
    key = desk.start("/a")
    assert desk.choice() == key
    assert desk.choice(key) == key


def test_an_ended_session_does_not_make_the_only_one_ambiguous(desk: Desk) -> None:
    gone, key = desk.start("/a"), desk.start("/b")
    desk.end(gone)
    assert desk.choice() == key


def test_without_a_session_the_call_hears_how_to_start_one(desk: Desk) -> None:
    kind, message = desk.refusal()
    assert kind == "no-session"
    assert "start_session(project_path=" in message


def test_with_several_sessions_all_are_listed_and_none_is_guessed(desk: Desk) -> None:
    first, second = desk.start("/a/Proj"), desk.start("/a/Proj", "second")
    kind, message = desk.refusal()
    assert kind == "which-session"
    assert f"Available: {first} (Proj, /a/Proj), {second} (Proj:second, /a/Proj)" in message


def test_the_beginning_of_a_key_is_enough_where_only_one_begins_so(desk: Desk) -> None:
    keys = desk.keyed("/a", "1a000000", "1b000000", "2c000000")
    desk.end(keys[2])
    assert desk.choice("1a") == "1a000000"
    assert desk.choice("1A00") == "1a000000"
    kind, message = desk.refusal("1")
    assert (kind, message.count("\n")) == ("which-session", 0)
    assert message.endswith("Available: 1a000000 (a, /a), 1b000000 (a:1b000000, /a)")
    # What has ended is in nobody's way, and is told if nothing else can be meant.
    desk.end(keys[1])
    assert desk.choice("1") == "1a000000"
    assert "Session 2c000000 (a:2c000000) ended" in desk.refusal("2")[1]


def test_a_key_that_nobody_has_is_told_with_what_there_is(desk: Desk) -> None:
    key = desk.start("/a")
    for given in ("ffffffff", key + "0", key.upper() + "x", " " + key):
        kind, message = desk.refusal(given)
        assert kind == "unknown-session"
        assert repr(given) in message
        assert f"Available: {key}" in message


def test_an_unknown_key_without_any_session_says_that_there_is_none(desk: Desk) -> None:
    assert "There is no session now" in desk.refusal("ffffffff")[1]


def test_a_key_that_has_ended_tells_when_and_how_and_which_one_is_there_now(desk: Desk) -> None:
    old = desk.start("/a/Proj")
    desk.end(old, ending="Its process 7 exited with code 3.", last_output="last words")
    kind, message = desk.refusal(old)
    assert kind == "ended-session"
    assert "ended at 2023-11-14T22:13:20Z. Its process 7 exited with code 3." in message
    assert "has no session now" in message
    assert message.endswith("last words")
    new = desk.start("/a/Proj")
    assert f"The project's session is now {new}." in desk.refusal(old)[1]
    other_name = desk.start("/a/Proj", "second")
    assert other_name not in desk.refusal(old)[1]


def test_times_are_in_utc_and_never_is_empty() -> None:
    assert iso(0) == ""
    assert iso(1_700_000_000.5) == "2023-11-14T22:13:20Z"

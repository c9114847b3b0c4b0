"""Messages as frames."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.gate.frames import FrameError, Message, decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIELDS = st.lists(st.tuples(TEXT, st.binary(max_size=50)), max_size=5)


@given(TEXT, TEXT, FIELDS)
def test_a_message_is_the_same_after_the_wire(
    request_id: str, verb: str, fields: list[tuple[str, bytes]]
) -> None:
    assert decode(encode(request_id, verb, fields)) == Message(request_id, verb, tuple(fields))


@given(TEXT)
def test_a_text_arrives_as_a_text(value: str) -> None:
    assert decode(encode("1", "v", (("name", value),))).get("name") == value


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_any_frames_are_a_message_or_a_frame_error(frames: list[bytes]) -> None:
    try:
        message = decode(frames)
    except FrameError:
        return
    assert encode(message.request, message.verb, message.fields) == frames


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"1"],
        [b"1", b"v", b"name"],
        [b"\xff", b"v"],
        [b"1", b"\xff"],
        [b"1", b"v", b"\xff", b""],
    ],
    ids=str,
)
def test_frames_of_another_form_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(FrameError):
        decode(frames)


def test_a_name_may_repeat_and_the_first_value_is_what_get_gives() -> None:
    message = decode([b"1", b"v", b"n", b"one", b"n", b"two"])
    assert message.fields == (("n", b"one"), ("n", b"two"))
    assert message.get("n") == "one"


def test_a_field_that_is_missing_has_its_default() -> None:
    assert Message("1", "v").get("n") == ""
    assert Message("1", "v").get("n", "x") == "x"
    assert Message("1", "v").number("n") == 0


def test_a_value_that_is_no_utf8_shows_where_it_is_not() -> None:
    assert Message("1", "v", (("n", b"a\xffb"),)).get("n") == "a\ufffdb"


@given(st.binary(max_size=30) | st.sampled_from([b"nan", b"inf", b"-inf", b"1e999", b"2.5"]))
def test_a_number_is_always_one_to_reckon_with(value: bytes) -> None:
    number = Message("1", "v", (("n", value),)).number("n")
    assert math.isfinite(number)


def test_a_number_is_read() -> None:
    assert Message("1", "v", (("n", b"2.5"),)).number("n") == 2.5

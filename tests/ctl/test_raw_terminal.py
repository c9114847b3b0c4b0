"""Finding the detach keys in what a person types."""

from __future__ import annotations

import pytest

from kaimond.ctl.raw_terminal import DetachKey


def test_one_key_detaches_and_what_was_typed_before_it_is_passed_on() -> None:
    key = DetachKey("^]")
    assert key.feed(b"abc") == (b"abc", False)
    assert key.feed(b"de\x1dfg") == (b"de", True)


def test_a_sequence_is_held_back_until_it_is_clear() -> None:
    key = DetachKey("^P^Q")
    assert key.feed(b"a\x10") == (b"a", False)
    assert key.feed(b"b") == (b"\x10b", False)
    assert key.feed(b"\x10") == (b"", False)
    assert key.feed(b"\x10") == (b"\x10", False)
    assert key.feed(b"\x11c") == (b"", True)


def test_an_end_of_input_gives_back_nothing_that_was_not_typed() -> None:
    key = DetachKey("^A^B^C")
    assert key.feed(b"\x01\x02") == (b"", False)
    assert key.feed(b"\x01\x02\x03") == (b"\x01\x02", True)


@pytest.mark.parametrize("text", ["", "]", "^", "^]]", "a", "^é", "^]x"])
def test_what_is_no_control_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # the caller has the words
        DetachKey(text)

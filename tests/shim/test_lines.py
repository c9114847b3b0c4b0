from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kaimond.shim.lines import Lines, TooLong

LIMIT = 8


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_lines_come_out_the_same_however_the_stream_is_cut(pieces: list[bytes], size: int) -> None:
    stream = b"\n".join(pieces) + b"\n"
    lines = Lines(LIMIT)
    got: list[bytes | TooLong] = []
    for start in range(0, len(stream), size):
        got += lines.feed(stream[start : start + size])
    expected = [line for line in stream.split(b"\n") if line.strip() or len(line) > LIMIT]
    assert len(got) == len(expected)
    for mine, line in zip(got, expected, strict=True):
        if len(line) > LIMIT:
            assert isinstance(mine, TooLong)
        else:
            assert mine == line


def test_a_line_that_is_too_long_costs_no_memory_and_the_next_one_is_found() -> None:
    lines = Lines(1000)
    assert lines.feed(b'{"id":5,"x":"') == []
    for _ in range(1000):
        assert lines.feed(b"y" * 10_000) == []
        assert sum(map(len, lines._parts)) <= 4096
    first, second = lines.feed(b'"}\n{}\n')
    assert isinstance(first, TooLong)
    assert first.id == 5
    assert second == b"{}"


def test_what_comes_after_the_last_newline_can_be_taken_as_a_line() -> None:
    lines = Lines(1000)
    assert lines.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert lines.finish() == b'{"b"'
    assert lines.finish() == b""

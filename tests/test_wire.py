"""Lines of JSON, and how a stream is cut into them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond import __version__, wire
from kaimond.wire import LineSplitter, WireError

if TYPE_CHECKING:
    from pathlib import Path

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.dictionaries(st.text(), VALUES, max_size=4)


@given(MESSAGES)
def test_a_message_is_the_same_after_the_wire(message: dict[str, Any]) -> None:
    line = wire.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode(line) == message


def test_a_path_that_is_no_utf8_is_the_same_after_the_wire() -> None:
    path = os.fsdecode(b"/tmp/\xff")
    line = wire.encode({"path": path})
    line.decode()
    assert os.fsencode(wire.decode(line)["path"]) == b"/tmp/\xff"


@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_a_wire_error(data: bytes) -> None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        assert wire.decode(data) == found
    else:
        with pytest.raises(WireError):
            wire.decode(data)


def test_a_line_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(WireError):
        wire.decode(b'{"a":' * 100_000)


# Lines


@given(st.lists(st.binary(max_size=10)), st.lists(st.integers(1, 7), min_size=1))
def test_lines_do_not_depend_on_how_the_stream_is_cut(
    pieces: list[bytes], sizes: list[int]
) -> None:
    stream = b"\n".join(pieces)
    splitter, found, position, turn = LineSplitter(), [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        found += splitter.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert found == stream.split(b"\n")[:-1]


@given(st.integers(1, 30), st.integers(0, 40), st.integers(1, 5))
def test_a_line_is_refused_exactly_when_it_is_too_long(limit: int, length: int, cut: int) -> None:
    splitter = LineSplitter(limit)
    data = b"x" * length + b"\n"
    pieces = [data[start : start + cut] for start in range(0, len(data), cut)]

    def feed() -> list[bytes]:
        return [line for piece in pieces for line in splitter.feed(piece)]

    if length > limit:
        with pytest.raises(WireError, match=f"more than {limit} bytes") as caught:
            feed()
        assert caught.value.code == "line-too-long"
    else:
        assert feed() == [b"x" * length]


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    splitter = LineSplitter(100)
    for _ in range(100):
        splitter.feed(b"x")
    with pytest.raises(WireError):
        splitter.feed(b"x")


# Hello and welcome


def test_a_hello_sends_only_variables_that_tell_who_the_client_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    hello = wire.hello("mcp")
    assert b"secret" not in hello
    assert wire.decode(hello)["env"]["CLAUDECODE"] == "1"


def test_a_hello_names_agent_and_replays_only_if_there_are_any() -> None:
    assert not {"agent", "replay", "cancelled"} & set(wire.decode(wire.hello("ctl")))
    message = wire.decode(wire.hello("mcp", agent="a", replay=[1, "b"], cancelled=[2]))
    assert (message["agent"], message["replay"]) == ("a", [1, "b"])
    assert message["cancelled"] == [2]


def test_a_hello_can_be_said_from_a_directory_that_is_no_more_or_no_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / os.fsdecode(b"\xff")
    strange.mkdir()
    monkeypatch.chdir(strange)
    assert wire.decode(wire.hello("mcp"))["cwd"] == os.path.realpath(strange)
    strange.rmdir()
    assert wire.decode(wire.hello("mcp"))["cwd"] == ""


def test_a_welcome_gives_the_daemons_version() -> None:
    assert wire.read_welcome(wire.encode({"ok": True, "version": "9"}), "ctl") == "9"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "not-json"),
        (b"HTTP/1.1 400", "not-json"),
        (b"{}", "hello"),
        (b'{"ok": true}', "hello"),
        (b'{"ok": 1, "version": "9"}', "hello"),
        (b'{"ok": false, "error": "no"}', "hello"),
        (json.dumps({"ok": False, "error": {}}).encode(), "refused"),
        (json.dumps({"ok": False, "error": {"code": "protocol"}}).encode(), "protocol"),
    ],
)
def test_what_is_no_welcome_is_an_error_with_a_word_for_programs(line: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        wire.read_welcome(line, "ctl")
    assert caught.value.code == code
    assert caught.value.message


def test_the_version_in_a_hello_is_the_packages() -> None:
    assert wire.decode(wire.hello("tui"))["version"] == __version__

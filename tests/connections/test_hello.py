"""The daemon's reading of a first line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond import __version__, wire
from kaimond.connections.hello import read_hello, refusal, welcome

GOOD: dict[str, Any] = {"kaimon": 1, "version": "9.9", "role": "mcp", "pid": 7}


def line(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_our_own_hello_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    hello = read_hello(wire.hello("mcp", agent="a" * 16, replay=[1, "two"], cancelled=[3]))
    assert (hello.role, hello.version, hello.pid) == ("mcp", __version__, os.getpid())
    assert hello.agent == "a" * 16
    assert hello.replay == (1, "two")
    assert hello.cancelled == (3,)
    assert hello.environment["CLAUDECODE"] == "1"
    assert hello.cwd == str(Path.cwd())


def test_unknown_keys_are_ignored_and_unknown_variables_are_dropped() -> None:
    hello = read_hello(line(colour="green", env={"SECRET": "x", "CODEX_HOME": "/c"}))
    assert hello.environment == {"CODEX_HOME": "/c"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON"),
        (b"GET / HTTP/1.1", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON|more than"),
        (b"[" * 60_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "must be a hello"),
        (line(kaimon="1"), "must be a hello"),
        (line(kaimon=True), "must be a hello"),
        (line(role="root"), "unknown role 'root'; known roles: mcp, ctl, tui"),
        (line(role=["mcp"]), "unknown role"),
        (line(version=1), "`version`"),
        (line(pid="7"), "`pid`"),
        (line(cwd=None), "`cwd`"),
        (line(env=[]), "`env`"),
        (line(agent=1), "`agent`"),
        (line(replay="1"), "`replay`"),
        (line(replay=[[]]), "`replay`"),
        (line(cancelled=[{}]), "`cancelled`"),
        (line(cwd="x" * wire.MAX_HELLO), "more than"),
    ],
    ids=range(20),
)
def test_a_line_that_is_no_hello_is_refused_in_words(text: bytes, words: str) -> None:
    with pytest.raises(wire.WireError, match=words):
        read_hello(text)


@pytest.mark.parametrize(
    ("protocol", "old", "cure"),
    [
        (0, "this kaimon-mcp is too old", "Restart your MCP client"),
        (wire.PROTOCOL + 1, "that kaimond is too old", "kaimonctl reload"),
    ],
)
def test_versions_that_cannot_work_together_are_both_told_with_the_cure(
    protocol: int, old: str, cure: str
) -> None:
    with pytest.raises(wire.WireError) as caught:
        read_hello(line(kaimon=protocol))
    assert caught.value.code == "protocol"
    for words in (old, cure, __version__, "9.9", f"protocol {protocol}"):
        assert words in caught.value.message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_hello_or_a_wire_error(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        read_hello(data)


def test_welcome_and_refusal_are_what_a_client_reads() -> None:
    assert wire.read_welcome(welcome(), "ctl") == __version__
    with pytest.raises(wire.WireError, match="no entry") as caught:
        wire.read_welcome(refusal("word", "no entry"), "ctl")
    assert caught.value.code == "word"

"""The raw output of one session."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaimond.sessions import session_log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "0a1b2c3d.log"


def test_appending_makes_the_file_for_its_owner_only_and_adds(log: Path) -> None:
    session_log.append(log, b"one\n")
    session_log.append(log, b"two\n")
    assert log.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ab", max_size=5), max_size=8), st.integers(1, 10))
def test_the_tail_is_the_last_lines(log: Path, lines: list[str], count: int) -> None:
    log.write_text("".join(line + "\n" for line in lines))
    assert session_log.tail(log, count) == "\n".join(lines[-count:])


def test_the_tail_of_a_long_log_crosses_blocks(log: Path) -> None:
    lines = [f"{number} {'x' * 1000}" for number in range(500)]
    log.write_text("\n".join(lines) + "\n")
    assert session_log.tail(log, 200) == "\n".join(lines[-200:])


def test_a_last_line_without_an_end_counts(log: Path) -> None:
    log.write_text("one\ntwo")
    assert session_log.tail(log, 1) == "two"


def test_a_log_that_is_missing_or_empty_has_no_tail(log: Path) -> None:
    assert session_log.tail(log, 5) == ""
    log.touch()
    assert session_log.tail(log, 5) == ""


def test_bytes_that_are_no_utf8_show(log: Path) -> None:
    log.write_bytes(b"a\xffb\n")
    assert session_log.tail(log, 1) == "a\ufffdb"


def test_a_flood_without_a_line_end_is_not_read_whole(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(2**40)  # A hole: it takes no room, but nobody can read all of it.
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    found = session_log.tail(log, 20)
    assert found.endswith("the end")
    assert len(found) <= session_log.MOST


def test_a_large_log_is_moved_aside_and_who_writes_goes_on_in_the_new_one(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_log, "MAX_BYTES", 10)
    writer = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(writer, b"0123456789")
    session_log.rotate(log)
    assert log.read_bytes() == b"0123456789"
    os.write(writer, b"A")
    session_log.rotate(log)
    os.write(writer, b"new")
    os.close(writer)
    assert log.read_bytes() == b"new"
    assert log.with_suffix(".log.1").read_bytes() == b"0123456789A"


def test_of_a_flood_only_the_end_is_moved_aside(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_log, "MAX_BYTES", 10)
    log.write_bytes(b"x" * 1000 + b"end")
    session_log.rotate(log)
    assert log.read_bytes() == b""
    assert log.with_suffix(".log.1").read_bytes() == b"x" * 37 + b"end"


def test_rotating_what_is_not_there_is_no_error(log: Path) -> None:
    session_log.rotate(log)
    assert not log.exists()


def test_logs_of_sessions_that_nobody_remembers_are_removed(log: Path) -> None:
    for name in ("aaaaaaaa.log", "aaaaaaaa.log.1", "bbbbbbbb.log", "other.txt"):
        (log.parent / name).touch()
    session_log.forget(log.parent, lambda key: key == "bbbbbbbb")
    assert sorted(file.name for file in log.parent.iterdir()) == ["bbbbbbbb.log", "other.txt"]

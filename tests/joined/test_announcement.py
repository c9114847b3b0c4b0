"""What lies in the directory of announcements is taken for what it proves, and nothing more."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.gate.frames import Message
from kaimond.joined.announcement import (
    MOST,
    NotAnnouncedError,
    check_process,
    check_socket,
    key_of,
    parse,
    proves,
    read,
)
from tests.joined.announcements import KEY, text, true

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = os.getuid()


def why_not(data: bytes, key: str = KEY) -> str:
    with pytest.raises(NotAnnouncedError) as caught:
        parse(data, key)
    return str(caught.value)


# Names


def test_only_our_own_names_are_announcements() -> None:
    assert key_of("a3f8b2c1.json") == "a3f8b2c1"
    assert key_of("a3f8b2c1.sock") == "a3f8b2c1"
    upstream = "0b6d4a52-98d3-4e0f-9d6e-5ee2b4cf0a11"
    for name in (
        f"{upstream}.json",
        f"{upstream}-stream.sock",
        "A3F8B2C1.json",
        "a3f8b2c1.json~",
        "a3f8b2c1.lock",
        ".a3f8b2c1.4242.partial",
        "a3f8b2c1.json\n",
        "",
    ):
        assert key_of(name) is None, name


# Content


def test_a_true_announcement_is_read() -> None:
    found = parse(text(name="scratch", restarting=True), KEY)
    assert (found.key, found.pid, found.name, found.restarting) == (KEY, 4242, "scratch", True)


def test_a_gate_that_knows_more_is_understood() -> None:
    assert parse(text(colour="green"), KEY).pid == 4242


@given(st.integers(0, len(text()) - 3))
def test_a_half_written_one_is_none(length: int) -> None:
    assert "half-written" in why_not(text()[:length])


@given(st.binary(max_size=300))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    why_not(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(true())), VALUES)
def test_a_field_of_another_kind_is_refused_or_means_what_it_says(name: str, value: Any) -> None:
    data = text(**{name: value})
    with contextlib.suppress(NotAnnouncedError):
        found = parse(data, KEY)
        assert name == "kaimon" or getattr(found, name) == value


@given(st.sampled_from(sorted(true())))
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    spoilt = true()
    del spoilt[name]
    why_not(json.dumps(spoilt).encode())


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"key": "0badcafe"}, "0badcafe"),
        ({"kaimon": 2}, "form 2"),
        ({"pid": 0}, "pid"),
        ({"pid": 1}, "pid"),
        ({"pid": -4242}, "pid"),
        ({"pid": True}, "pid"),
        ({"pid": 2**40}, "pid"),
        ({"start": "12 34"}, "start"),
        ({"nonce": ""}, "nonce"),
        ({"boot": "../../etc"}, "boot"),
        ({"project": "relative"}, "project"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "\x1b[2J"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"pwd": "x" * 5000}, "pwd"),
        ({"allow_restart": 1}, "allow_restart"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], word: str) -> None:
    assert word in why_not(text(**changes))


def test_a_gate_of_another_protocol_is_told_from_a_forgery() -> None:
    said = why_not(text(protocol=7, gate="9.0.0"))
    assert "9.0.0" in said
    assert "protocol 7" in said
    assert "update" in said


def test_the_files_of_the_other_kaimon_are_not_of_our_form() -> None:
    theirs = {"session_id": "0b6d4a52-98d3-4e0f-9d6e-5ee2b4cf0a11", "name": "MyPkg", "pid": 4242}
    assert "not of our form" in why_not(json.dumps(theirs).encode())


def test_a_deep_nest_is_no_crash() -> None:
    why_not(b"[" * 8000 + b"]" * 8000)


# Files


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def test_a_file_of_ours_is_read(folder: Path) -> None:
    file = folder / f"{KEY}.json"
    file.write_bytes(text())
    file.chmod(0o600)
    assert read(file, UID) == text()


def make_open(file: Path) -> None:
    file.write_bytes(text())
    file.chmod(0o644)


def make_link(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(text())
    other.chmod(0o600)
    file.symlink_to(other)


def make_large(file: Path) -> None:
    file.write_bytes(b" " * (MOST + 1))
    file.chmod(0o600)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (make_open, "open to others"),
        (make_link, "cannot be opened"),
        (make_large, "bytes"),
        (lambda file: os.mkfifo(file, 0o600), "regular"),
        (lambda file: file.mkdir(mode=0o700), "regular"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_not_read(folder: Path, make: Any, word: str) -> None:
    file = folder / f"{KEY}.json"
    make(file)
    with pytest.raises(NotAnnouncedError, match=word) as caught:
        read(file, UID)
    assert not caught.value.gone


def test_a_file_of_somebody_else_is_not_read(folder: Path) -> None:
    file = folder / f"{KEY}.json"
    file.write_bytes(text())
    file.chmod(0o600)
    with pytest.raises(NotAnnouncedError, match="belongs to user"):
        read(file, UID + 1)


def test_a_file_that_is_gone_is_called_gone(folder: Path) -> None:
    with pytest.raises(NotAnnouncedError) as caught:
        read(folder / "nothing", UID)
    assert caught.value.gone


def test_the_socket_must_be_one_and_ours(folder: Path) -> None:
    path = folder / f"{KEY}.sock"
    with pytest.raises(NotAnnouncedError) as caught:
        check_socket(path, UID)
    assert caught.value.gone
    path.write_text("")
    with pytest.raises(NotAnnouncedError, match="not a socket"):
        check_socket(path, UID)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        check_socket(path, UID)
        link = folder / "link"
        link.symlink_to(path)
        with pytest.raises(NotAnnouncedError, match="not a socket"):
            check_socket(link, UID)


# Processes


def test_a_process_that_is_as_announced_is_found() -> None:
    announced = parse(text(), KEY)
    assert check_process(announced, UID, lambda _: "123456", lambda _: UID) == "123456"


def test_a_gate_that_cannot_know_its_start_is_not_refused_for_it() -> None:
    announced = parse(text(start=""), KEY)
    assert check_process(announced, UID, lambda _: "77", lambda _: UID) == "77"


@pytest.mark.parametrize("start", [None, "999999"])
def test_a_process_that_ended_is_stale_whoever_has_its_number_now(start: str | None) -> None:
    with pytest.raises(NotAnnouncedError) as caught:
        check_process(parse(text(), KEY), UID, lambda _: start, lambda _: UID)
    assert caught.value.stale


@pytest.mark.parametrize("owner", [None, UID + 1])
def test_a_process_of_somebody_else_is_none(owner: int | None) -> None:
    with pytest.raises(NotAnnouncedError, match="not yours") as caught:
        check_process(parse(text(), KEY), UID, lambda _: "123456", lambda _: owner)
    assert not caught.value.stale


# The gate's own word

PONG = {
    "session": KEY,
    "pid": "4242",
    "boot": "b0" * 16,
    "nonce": "0123456789abcdef",
    "protocol": "1",
}


def pong(fields: dict[str, str]) -> Message:
    return Message("1", "pong", tuple((name, value.encode()) for name, value in fields.items()))


def test_the_announced_gate_proves_itself() -> None:
    assert proves(parse(text(), KEY), pong(PONG))


@pytest.mark.parametrize("name", sorted(PONG))
def test_another_gate_does_not(name: str) -> None:
    announced = parse(text(), KEY)
    assert not proves(announced, pong(PONG | {name: "7"}))
    assert not proves(announced, pong({n: v for n, v in PONG.items() if n != name}))

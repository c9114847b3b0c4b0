"""A file is replaced as a whole or not at all, and stays what it was besides its content."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

import pytest

from kaimond.config import files

if TYPE_CHECKING:
    from pathlib import Path


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    file.chmod(mode)

    files.replace(file, b"new", mode=0o666)

    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("wanted", "made"), [(0o600, 0o600), (0o666, 0o640)])
def test_a_new_file_gets_the_mode_that_the_umask_allows(
    tmp_path: Path, wanted: int, made: int
) -> None:
    mask = os.umask(0o027)
    try:
        files.replace(tmp_path / "file", b"new", mode=wanted)
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == made


def test_a_copy_gets_the_mode_of_its_original(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.write_bytes(b"")
    original.chmod(0o666)

    files.replace(tmp_path / "copy", b"", like=original)

    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o666


@pytest.mark.parametrize("before", [b"old", None])
def test_what_another_program_has_written_meanwhile_is_not_replaced(
    tmp_path: Path, before: bytes | None
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"theirs")

    with pytest.raises(files.ChangedError):
        files.replace(file, b"ours", before=before)

    assert file.read_bytes() == b"theirs"
    assert names(tmp_path) == ["file"]


def test_a_file_that_was_removed_meanwhile_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(files.ChangedError):
        files.replace(tmp_path / "file", b"ours", before=b"old")

    assert names(tmp_path) == []


def test_a_lock_is_held_and_let_go_and_its_directory_is_made_private(tmp_path: Path) -> None:
    lock = tmp_path / "state" / ".any.lock"

    with files.locked(tmp_path / "state" / "any"), lock.open("w") as other:
        assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

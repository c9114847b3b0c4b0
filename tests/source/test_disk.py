from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

from kaimond.source.disk import SETTLED, Disk

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def look(disk: Disk, path: Path) -> str:
    return disk.look([str(path)])[str(path)].digest


def test_a_file_is_read_again_when_its_content_may_be_another(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "a.jl"
    path.write_text("one")
    assert look(disk, path) == digest("one")
    # Of the same size and, on a coarse file system, of the same time.
    status = path.stat()
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert look(disk, path) == digest("two")


def test_a_file_that_is_not_there_has_no_digest_and_its_folders_time(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    os.utime(folder, (5.0, 5.0))
    gone, lost = str(folder / "a.jl"), str(tmp_path / "none" / "a.jl")
    found = Disk().look([gone, lost])
    assert (found[gone].digest, found[gone].changed) == ("", 5.0)
    assert (found[lost].digest, found[lost].changed) == ("", 0.0)


def test_a_folder_in_the_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    assert look(Disk(), tmp_path) == ""


def test_a_settled_file_is_not_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jl"
    path.write_text("one")
    later = time.time() + SETTLED + 10
    monkeypatch.setattr(time, "time", lambda: later)
    disk = Disk()
    before = disk.look([str(path)])
    again = disk.look([str(path)])
    assert again[str(path)] is before[str(path)]

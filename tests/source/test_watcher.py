from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import watchfiles

from kaimond.source.watcher import Watch
from tests.support.wait import until

if TYPE_CHECKING:
    from pathlib import Path


class Heard:
    """What a watch has told."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.doubts = 0

    def __call__(self, paths: frozenset[str]) -> None:
        self.paths |= paths
        self.doubts += not paths


async def test_writes_and_renames_are_told_and_whatever_was_before_is_doubted(
    tmp_path: Path,
) -> None:
    heard = Heard()
    watch = Watch(heard)
    watch.set([str(tmp_path), str(tmp_path / "not there")])
    await until(lambda: heard.doubts == 1)
    path = tmp_path / "a.jl"
    path.write_text("1")
    await until(lambda: str(path) in heard.paths)
    heard.paths.clear()
    beside = tmp_path / "b.jl"
    beside.write_text("2")
    beside.replace(path)
    await until(lambda: str(path) in heard.paths)
    await watch.close()


async def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    heard = Heard()
    watch = Watch(heard)
    folder = tmp_path / "src"
    folder.mkdir()
    watch.set([str(folder), str(tmp_path)])
    await until(lambda: heard.doubts == 1)
    shutil.rmtree(folder)
    folder.mkdir()
    await until(lambda: heard.doubts > 1)
    heard.paths.clear()

    def told() -> bool:
        # Once the new folder is watched, a write to it is told; when that is nobody can see.
        (folder / "a.jl").write_text("1")
        return str(folder / "a.jl") in heard.paths

    await until(told)
    await watch.close()


@pytest.mark.parametrize("gone", ["pkg/src", "pkg"])
async def test_a_folder_that_comes_back_later_is_watched_again(tmp_path: Path, gone: str) -> None:
    heard = Heard()
    watch = Watch(heard)
    folder = tmp_path / "pkg" / "src"
    folder.mkdir(parents=True)
    watch.set([str(folder), str(folder.parent)])
    await until(lambda: heard.doubts == 1)
    shutil.rmtree(tmp_path / gone)
    # What is left is watched, and the folder is not there to be.
    await until(lambda: heard.doubts > 1)
    folder.mkdir(parents=True)

    def told() -> bool:
        (folder / "a.jl").write_text("1")
        return str(folder / "a.jl") in heard.paths

    await until(told)
    await watch.close()


async def test_a_link_is_told_by_the_name_it_was_asked_for(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    heard = Heard()
    watch = Watch(heard)
    watch.set([str(link)])
    await until(lambda: heard.doubts == 1)
    (real / "a.jl").write_text("1")
    await until(lambda: str(link / "a.jl") in heard.paths)
    await watch.close()


async def test_a_system_that_cannot_watch_makes_everything_doubtful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_settings: object) -> None:
        raise OSError("too many watches")

    monkeypatch.setattr(watchfiles.main, "RustNotify", refuse)
    heard = Heard()
    watch = Watch(heard)
    watch.set([str(tmp_path)])
    await until(lambda: watch.blind)
    assert heard.doubts
    await watch.close()

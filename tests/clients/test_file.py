"""A configuration on the disk is replaced as a whole or not at all."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from kaimond.clients import EditError, file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def add(text: str) -> str:
    return text if "new" in text else f"{text}new\n"


def appends(more: str) -> Callable[[str], str]:
    return lambda text: text + more


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "state" / "backups"


def kept(backups: Path) -> list[str]:
    return [path.read_text() for path in sorted(backups.glob("2*"))]


def test_a_file_that_is_not_there_is_made_for_the_user_alone(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / "a" / "b" / "mcp.json"

    written = file.change(path, add, backups, private=True)

    assert written == file.Written(path, changed=True)
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert kept(backups) == []


def test_a_projects_file_is_made_as_others_in_the_project(tmp_path: Path, backups: Path) -> None:
    mask = os.umask(0o022)
    try:
        file.change(tmp_path / ".vscode" / "mcp.json", add, backups, private=False)
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / ".vscode" / "mcp.json").stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664])
def test_the_mode_stays_and_a_copy_is_kept(tmp_path: Path, backups: Path, mode: int) -> None:
    path = tmp_path / "config"
    path.write_text("old\n")
    path.chmod(mode)

    written = file.change(path, add, backups, private=True)

    assert path.read_text() == "old\nnew\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert written.backup
    assert written.backup.read_text() == "old\n"
    assert stat.S_IMODE(written.backup.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "state"]


def test_what_needs_no_change_is_not_written(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"new\r\n")
    before = path.stat()

    assert file.change(path, add, backups, private=True) == file.Written(path, changed=False)

    assert path.stat() == before
    assert kept(backups) == []


def test_every_change_keeps_its_own_copy(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / ".config.toml"
    path.write_text("")
    for number in "012":
        file.change(path, appends(number), backups, private=True)

    assert sorted(kept(backups)) == ["", "0", "01"]
    assert all("-config.toml" in copy.name for copy in backups.glob("2*"))


def test_links_are_written_through(tmp_path: Path, backups: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "real").write_text("old\n")
    (dotfiles / "half").symlink_to("real")
    path = tmp_path / "config"
    path.symlink_to(dotfiles / "half")

    written = file.change(path, add, backups, private=True)

    assert written.target == dotfiles / "real"
    assert path.is_symlink()
    assert (dotfiles / "half").is_symlink()
    assert (dotfiles / "real").read_text() == "old\nnew\n"


def test_a_link_to_nothing_gets_its_file(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / "config"
    path.symlink_to("elsewhere/real")

    file.change(path, add, backups, private=True)

    assert path.is_symlink()
    assert (tmp_path / "elsewhere" / "real").read_text() == "new\n"


def test_a_change_of_the_client_in_the_same_moment_is_not_lost(
    tmp_path: Path, backups: Path
) -> None:
    path = tmp_path / "config"
    path.write_text("old\n")
    seen: list[str] = []

    def edit(text: str) -> str:
        if not seen:
            path.write_text("theirs\n")
        seen.append(text)
        return add(text)

    file.change(path, edit, backups, private=True)

    assert seen == ["old\n", "theirs\n"]
    assert path.read_text() == "theirs\nnew\n"
    assert kept(backups) == ["theirs\n"]


def test_a_file_that_never_holds_still_is_left_alone(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / "config"
    path.write_text("0")

    def edit(text: str) -> str:
        path.write_text(f"{text}!")
        return f"{text}new"

    with pytest.raises(EditError, match="being written all the time"):
        file.change(path, edit, backups, private=True)

    assert "new" not in path.read_text()
    assert kept(backups) == []


def test_an_edit_that_is_refused_changes_nothing(tmp_path: Path, backups: Path) -> None:
    path = tmp_path / "config"
    path.write_text("old\n")

    def edit(_text: str) -> str:
        raise EditError("because")

    with pytest.raises(EditError, match="because"):
        file.change(path, edit, backups, private=True)

    assert path.read_text() == "old\n"
    assert kept(backups) == []


def test_what_is_no_text_file_is_refused(tmp_path: Path, backups: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"a\nb\xe9\n")

    for name, words in (
        ("pipe", "not a regular file"),
        ("state", "cannot be read"),
        ("latin", "line 2: the text is not UTF-8"),
    ):
        (tmp_path / "state").mkdir(exist_ok=True)
        with pytest.raises(EditError, match=words):
            file.change(tmp_path / name, add, backups, private=True)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, backups: Path) -> None:
    (tmp_path / "plain").write_text("")

    with pytest.raises(EditError, match=r"it cannot be (read|written): Not a directory"):
        file.change(tmp_path / "plain" / "config", add, backups, private=True)

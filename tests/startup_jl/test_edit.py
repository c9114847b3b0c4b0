"""Startup files on a disk, and what a user may have made of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kaimond.startup_jl import block
from kaimond.startup_jl.edit import Done, FileState, SeenFile, StartupError, install, look, remove

PACKAGES = Path("/opt/kaimond/julia")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "startup.jl"


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)


def names(file: Path) -> list[str]:
    return sorted(entry.name for entry in file.parent.iterdir())


def test_a_file_that_does_not_exist_is_made_and_removed_again(file: Path) -> None:
    assert look(file, PACKAGES) == SeenFile(file, FileState.ABSENT)
    assert install(file, PACKAGES) == Done(file, True, False, True)
    assert look(file, PACKAGES) == SeenFile(file, FileState.INSTALLED, True)
    assert install(file, PACKAGES) == Done(file, False, True, True)
    assert look(file, Path("/elsewhere")).state is FileState.OUTDATED
    assert remove(file) == Done(file, True, True, False)
    assert names(file) == []
    assert remove(file) == Done(file, False, False, False)


@pytest.mark.parametrize(
    "content", [b"", b"x = 1\n", b"x = 1", b"\xef\xbb\xbfx = 1\r\ny = 2", b"\xff\xfe"]
)
def test_the_users_file_is_what_it_was_with_its_mode_and_no_neighbours(
    file: Path, content: bytes
) -> None:
    write(file, content)
    file.chmod(0o640)
    done = install(file, PACKAGES)
    backup = file.with_name("startup.jl.before-kaimon")
    assert done == Done(file, True, True, True, backup)
    assert backup.read_bytes() == content
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert not install(file, PACKAGES).changed
    assert install(file, Path("/elsewhere")).changed
    assert remove(file) == Done(file, True, True, True)
    assert file.read_bytes() == content
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert names(file) == ["startup.jl"]


def test_a_backup_that_says_something_else_stays_and_is_named(file: Path) -> None:
    write(file, b"x = 1\n")
    install(file, PACKAGES)
    file.write_bytes(file.read_bytes().replace(b"x = 1", b"x = 2"))
    backup = remove(file).backup
    assert backup
    assert backup.read_bytes() == b"x = 1\n"
    assert file.read_bytes() == b"x = 2\n"
    again = install(file, PACKAGES).backup
    assert again
    assert again != backup
    assert (backup.read_bytes(), again.read_bytes()) == (b"x = 1\n", b"x = 2\n")


def test_a_link_into_a_folder_of_dotfiles_stays_a_link(file: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "julia.jl").write_bytes(b"x = 1")
    file.parent.mkdir()
    file.symlink_to("../dotfiles/julia.jl")
    install(file, PACKAGES)
    assert file.is_symlink()
    assert b"using Kaimon" in (dotfiles / "julia.jl").read_bytes()
    remove(file)
    assert file.is_symlink()
    assert (dotfiles / "julia.jl").read_bytes() == b"x = 1"
    assert names(dotfiles / "julia.jl") == ["julia.jl"]


def test_a_link_to_nothing_leads_to_a_new_file_and_to_nothing_again(
    file: Path, tmp_path: Path
) -> None:
    file.parent.mkdir()
    file.symlink_to(tmp_path / "new" / "julia.jl")
    install(file, PACKAGES)
    assert (tmp_path / "new" / "julia.jl").exists()
    remove(file)
    assert file.is_symlink()
    assert not file.exists()


def test_a_read_only_file_is_refused_with_the_way_out(file: Path) -> None:
    write(file, b"x = 1\n")
    file.chmod(0o444)
    with pytest.raises(StartupError, match=r"read-only, so it was not changed\. Make it writable"):
        install(file, PACKAGES)
    assert (file.read_bytes(), names(file)) == (b"x = 1\n", ["startup.jl"])
    file.chmod(0o644)
    install(file, PACKAGES)
    file.chmod(0o444)
    before = file.read_bytes()
    with pytest.raises(StartupError, match="read-only"):
        remove(file)
    assert file.read_bytes() == before
    file.chmod(0o644)


def test_our_own_file_is_not_removed_if_it_is_read_only(file: Path) -> None:
    install(file, PACKAGES)
    file.chmod(0o444)
    with pytest.raises(StartupError, match="read-only"):
        remove(file)
    assert file.exists()


def test_hard_links_are_not_torn_apart(file: Path) -> None:
    write(file, b"x = 1\n")
    os.link(file, file.with_name("other.jl"))
    with pytest.raises(StartupError, match="2 hard links"):
        install(file, PACKAGES)
    assert file.stat().st_nlink == 2
    assert names(file) == ["other.jl", "startup.jl"]


@pytest.mark.parametrize("kind", ["directory", "fifo", "loop", "damaged", "parent"])
def test_what_is_no_startup_file_is_refused_and_told(file: Path, kind: str) -> None:
    file.parent.mkdir()
    if kind == "directory":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to("startup.jl")
    elif kind == "damaged":
        file.write_bytes(b"# <<< kaimon <<<\n")
    else:
        file.parent.rmdir()
        file.parent.write_bytes(b"")
    words = "not changed|as it was"
    with pytest.raises(StartupError, match=words):
        install(file, PACKAGES)
    with pytest.raises(StartupError, match=words):
        remove(file)
    seen = look(file, PACKAGES)
    assert seen.state is FileState.UNCLEAR
    assert seen.problem


def test_a_package_in_a_path_that_no_text_can_hold_is_refused(file: Path) -> None:
    with pytest.raises(StartupError, match="not UTF-8"):
        install(file, Path("/caf\udce9"))
    assert not file.parent.exists()


def test_a_change_that_somebody_makes_meanwhile_is_not_lost(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, b"x = 1\n")
    real = block.installed

    def slow(content: bytes | None, directory: str) -> bytes:
        file.write_bytes(b"x = 2\n")
        return real(content, directory)

    monkeypatch.setattr(block, "installed", slow)
    with pytest.raises(StartupError, match="changed by somebody else"):
        install(file, PACKAGES)
    assert file.read_bytes() == b"x = 2\n"


def test_a_full_disk_leaves_the_file_and_no_draft(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, b"x = 1\n")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StartupError, match=r"No space left on device.*It is as it was"):
        install(file, PACKAGES)
    assert (file.read_bytes(), names(file)) == (b"x = 1\n", ["startup.jl"])

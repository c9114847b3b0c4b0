"""Which manifest Julia takes, above all in a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kaimond.toolchain.manifest_file import locate
from kaimond.toolchain.toml_files import UnreadableError, parse

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.toolchain.manifest_file import ManifestFile

V12 = (1, 12, 5)


def workspace(directory: Path, *members: str) -> Path:
    """Make a directory the root of a workspace."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "Project.toml"
    file.write_text(f"[workspace]\nprojects = {list(members)!r}\n")
    (directory / "Manifest.toml").touch()
    return file


def project(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "Project.toml"
    file.touch()
    return file


def found(file: Path, version: tuple[int, int, int] = V12, home: str = "/nowhere") -> ManifestFile:
    return locate(file, parse(file), version, home)


def test_a_project_of_a_workspace_has_the_manifest_of_its_root(tmp_path: Path) -> None:
    workspace(tmp_path, "test")
    file = project(tmp_path / "test")
    assert (found(file).path, found(file).shared) == (tmp_path / "Manifest.toml", True)
    # Its own is passed over.
    (file.parent / "Manifest.toml").touch()
    assert found(file).path == tmp_path / "Manifest.toml"
    assert found(file, (1, 11, 9)).path == file.parent / "Manifest.toml"
    assert not found(file, (1, 11, 9)).shared


def test_the_root_knows_that_its_manifest_is_shared(tmp_path: Path) -> None:
    file = workspace(tmp_path, "test")
    assert (found(file).path, found(file).shared) == (tmp_path / "Manifest.toml", True)


def test_a_manifest_for_this_version_wins_in_a_workspace(tmp_path: Path) -> None:
    workspace(tmp_path, "test")
    versioned = tmp_path / "Manifest-v1.12.toml"
    versioned.touch()
    assert found(project(tmp_path / "test")).path == versioned


def test_a_project_that_is_not_listed_is_in_no_workspace(tmp_path: Path) -> None:
    workspace(tmp_path, "test", "gone", "\0")
    file = project(tmp_path / "docs")
    assert found(file).path is None
    assert not found(file).shared


def test_workspaces_nest_and_the_outermost_counts(tmp_path: Path) -> None:
    workspace(tmp_path, "inner")
    workspace(tmp_path / "inner", "test")
    assert found(project(tmp_path / "inner" / "test")).path == tmp_path / "Manifest.toml"


def test_a_member_may_be_far_below_from_julia_1_12_2_on(tmp_path: Path) -> None:
    workspace(tmp_path, "lib/Deep")
    project(tmp_path / "lib")
    file = project(tmp_path / "lib" / "Deep")
    assert found(file, (1, 12, 2)).path == tmp_path / "Manifest.toml"
    assert "depends on the version" in found(file, (1, 12, 1)).doubt
    assert found(file, (1, 11, 0)).doubt == ""


def test_a_member_may_be_named_in_any_way_from_julia_1_12_2_on(tmp_path: Path) -> None:
    workspace(tmp_path, "./test/")
    file = project(tmp_path / "test")
    assert found(file, (1, 12, 2)).path == tmp_path / "Manifest.toml"
    assert found(file, (1, 12, 0)).doubt


def test_both_rules_agree_on_what_is_usual(tmp_path: Path) -> None:
    workspace(tmp_path, "test")
    assert found(project(tmp_path / "test"), (1, 12, 0)).path == tmp_path / "Manifest.toml"


def test_a_project_at_home_is_in_no_workspace_above_home(tmp_path: Path) -> None:
    workspace(tmp_path, "home/project")
    file = project(tmp_path / "home" / "project")
    assert found(file).path == tmp_path / "Manifest.toml"
    assert found(file, home=str(tmp_path / "home")).path is None


def test_a_root_that_names_its_manifest_is_a_doubt(tmp_path: Path) -> None:
    root = workspace(tmp_path, "test")
    root.write_text('manifest = "x.toml"\n' + root.read_text())
    (tmp_path / "x.toml").touch()
    file = project(tmp_path / "test")
    assert "names its manifest itself" in found(file).doubt
    assert found(root).path == tmp_path / "x.toml"


@pytest.mark.parametrize("text", ["workspace = 3", "workspace.projects = 3", "[workspace", "x = ["])
def test_what_cannot_be_understood_above_a_project_is_an_error(tmp_path: Path, text: str) -> None:
    project(tmp_path).write_text(text)
    with pytest.raises(UnreadableError):
        found(project(tmp_path / "test"))


@pytest.mark.parametrize("text", ["", "[workspace]", 'workspace.projects = "test"'])
def test_what_julia_takes_for_no_workspace_is_none(tmp_path: Path, text: str) -> None:
    project(tmp_path).write_text(text)
    assert not found(project(tmp_path / "test")).shared


def test_a_manifest_that_is_named_but_not_there_is_a_doubt(tmp_path: Path) -> None:
    file = project(tmp_path)
    (tmp_path / "Manifest.toml").touch()
    for named in ('"gone.toml"', "3"):
        file.write_text(f"manifest = {named}")
        assert "which is not there" in found(file).doubt

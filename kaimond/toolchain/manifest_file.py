"""Finds a project's manifest, by the rules of Julia itself.

It is one that the project file names, one for this version of Julia, or the plain one. From Julia
1.12 on a project can belong to a workspace: a directory above it has a project file that lists it,
and the manifest is there. Julia's loading and its Pkg each find it with their own code; where the
two disagree, nobody can say which packages a session will have, so that counts as a doubt here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.config.project_path import PROJECT_FILES
from kaimond.toolchain.toml_files import UnreadableError, first_file, is_dir, is_file, parse, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_VERSIONED_SINCE: Final = (1, 10, 8)
_WORKSPACES_SINCE: Final = (1, 12, 0)
_DEEP_WORKSPACES_SINCE: Final = (1, 12, 2)


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """The place of a project's manifest.

    Attributes:
        path: its path; None if there is none.
        shared: whether it is that of a workspace, so that it holds more than one project needs.
        doubt: why it may be another file, as a clause; empty if it cannot.
    """

    path: Path | None
    shared: bool = False
    doubt: str = ""


def locate(
    project_file: Path, project: dict[str, Any], version: tuple[int, int, int], home: str
) -> ManifestFile:
    """Return the manifest of a project for one Julia.

    Args:
        project_file: the project file, by a real path.
        project: the contents of that file.
        version: Julia's version.
        home: the user's home directory; a project in it belongs to no workspace above it.

    Raises:
        UnreadableError: a project file above it cannot be understood.
    """
    names = _names(version)
    shared = version >= _WORKSPACES_SINCE and "workspace" in project
    if version >= _WORKSPACES_SINCE:
        root = _root(project_file, lambda directory: _workspace(directory, home))
        if version < _DEEP_WORKSPACES_SINCE and root != _root(project_file, _workspace_once):
            doubt = f"whether it belongs to the workspace of {root} depends on the version of Julia"
            return ManifestFile(None, shared=True, doubt=doubt)
        if root != project_file:
            if "manifest" in parse(root):
                doubt = f"{root}, to whose workspace it belongs, names its manifest itself"
                return ManifestFile(None, shared=True, doubt=doubt)
            return ManifestFile(first_file(root.parent, names), shared=True)
    named = project.get("manifest")
    if named is None:
        return ManifestFile(first_file(project_file.parent, names), shared=shared)
    if isinstance(named, str) and is_file(project_file.parent / named):
        return ManifestFile(project_file.parent / named, shared=shared)
    # Some versions treat it as missing, others look for one of the usual names.
    doubt = f"{project_file} names the manifest {named!a}, which is not there"
    return ManifestFile(None, shared=shared, doubt=doubt)


def _names(version: tuple[int, int, int]) -> list[str]:
    names = ["JuliaManifest.toml", "Manifest.toml"]
    if version < _VERSIONED_SINCE:
        return names
    suffix = f"-v{version[0]}.{version[1]}.toml"
    return [f"JuliaManifest{suffix}", f"Manifest{suffix}", *names]


def _root(project_file: Path, above: Callable[[Path], Path | None]) -> Path:
    """Return the project file of the outermost workspace, or the project's own."""
    while (found := above(project_file.parent)) is not None:
        project_file = found
    return project_file


def _workspace(directory: Path, home: str) -> Path | None:
    """Return the project file above a directory that lists it, as Julia from 1.12.2 on finds it."""
    # Julia compares strings here, and so do we.
    at_home = str(directory).startswith(home)
    for parent in directory.parents:
        if at_home and not str(parent).startswith(home):
            return None
        file = first_file(parent, PROJECT_FILES)
        if file and any(_is_same(parent / member, directory) for member in _members(file)):
            return file
    return None


def _workspace_once(directory: Path) -> Path | None:
    """Return the same as Julia 1.12.0 and 1.12.1 find it: one level above, and by name."""
    file = first_file(directory.parent, PROJECT_FILES)
    return file if file and directory.name in _members(file) else None


def _members(file: Path) -> list[str]:
    workspace = parse(file).get("workspace")
    projects = (
        None if workspace is None else table(workspace, f"[workspace] of {file}").get("projects")
    )
    if projects is None or isinstance(projects, str):
        return []
    if not isinstance(projects, list) or not all(isinstance(each, str) for each in projects):
        raise UnreadableError(f"the projects of [workspace] in {file} are no list of texts")
    return projects


def _is_same(one: Path, other: Path) -> bool:
    try:
        return is_dir(one) and one.samefile(other)
    except OSError:
        return False

"""Changes to `projects.json`: allow or deny a project, decide on a repository's launch options.

They are made to the document as it was read, so unknown keys survive, and under a lock and by
rename (`kaimond.config.files`), so no update is lost.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kaimond.config import document_file, git_worktree, project_path
from kaimond.config.project_path import PathRefusedError, resolve_project
from kaimond.config.projects import load, read_entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaimond.config.projects import ProjectEntry


class Change(StrEnum):
    """The outcome of `allow`, `deny` or `decide_launch`."""

    ADDED = "added"
    ENABLED = "enabled"
    WIDENED = "allowed with more"
    ALREADY_ALLOWED = "already allowed"
    DENIED = "denied"
    ALREADY_DENIED = "already denied"
    NOT_LISTED = "not listed"
    DECIDED = "decided"
    ALREADY_DECIDED = "already decided"


_CHANGES: Final = {Change.ADDED, Change.ENABLED, Change.WIDENED, Change.DENIED, Change.DECIDED}


class Done(NamedTuple):
    """The result of a change: what was done, and to which real path."""

    change: Change
    path: Path


def allow(file: Path, directory: str, *, below: bool = False, worktrees: bool = False) -> Done:
    """Allow sessions in `directory`.

    An existing entry is enabled and otherwise left unchanged.

    Args:
        file: projects.json.
        directory: a Julia project; with `below`, any directory.
        below: also allow every project beneath it.
        worktrees: also allow the same directory in other worktrees of its git repository.

    Raises:
        PathRefusedError: It cannot be a project, or is the root or the home directory.
        EditError: The file could not be changed.
    """
    path = project_path.resolve_directory(directory) if below else resolve_project(directory)
    if project_path.is_too_wide(path):
        raise PathRefusedError(
            f"{path} is too wide to be allowed. Put the projects into a directory of their own "
            "and allow that."
        )
    if worktrees and git_worktree.worktree(path) is None:
        raise PathRefusedError(f"{path} is not in a git repository, so it has no worktrees.")
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise PathRefusedError(f"{str(path)!a} is not UTF-8, so JSON cannot hold it.") from error
    more = {name: True for name, on in (("below", below), ("worktrees", worktrees)) if on}

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if not listed:
            entry = {"project_path": str(path), "enabled": True, **more}
            document.setdefault("projects", []).append(entry)
            return Change.ADDED
        now = next((entry for entry in listed if entry.enabled), listed[0])
        if now.enabled and all(getattr(now, name) for name in more):
            return Change.ALREADY_ALLOWED
        entry = document["projects"][now.index]
        if not now.enabled:
            # What was denied with all that it covered is allowed by itself, unless more is asked.
            for name in ("below", "worktrees"):
                entry.pop(name, None)
        entry.update({"enabled": True, **more})
        return Change.WIDENED if now.enabled else Change.ENABLED

    return _change(file, path, change)


def deny(file: Path, directory: str) -> Done:
    """Disable every entry of `directory`, which need not exist any more.

    The entries stay, so that launch_config is still there if the directory is allowed again. If
    another entry or `allow_any_project` covers it, an entry is added, since nothing less would
    deny it.

    Raises:
        PathRefusedError: It is not an absolute path.
        EditError: The file could not be changed.
    """
    path = project_path.resolve(directory)
    covered = load(file).allowed(path)

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if not listed and covered:
            denial = {"project_path": str(path), "enabled": False}
            document.setdefault("projects", []).append(denial)
            return Change.DENIED
        if not listed:
            return Change.NOT_LISTED
        enabled = [entry for entry in listed if entry.enabled]
        for entry in enabled:
            document["projects"][entry.index]["enabled"] = False
        return Change.DENIED if enabled else Change.ALREADY_DENIED

    return _change(file, path, change)


def decide_launch(file: Path, directory: str, decision: str | bool) -> Done:
    """Store the user's decision on a repository's own launch options.

    Args:
        file: projects.json.
        directory: the project, which must be allowed.
        decision: a value of `ProjectEntry.repo_launch`.

    Raises:
        PathRefusedError: It is not a project.
        document_file.EditError: The file could not be changed.
    """
    path = resolve_project(directory)
    projects = load(file)
    covered, covering = projects.allowed(path), projects.covering(path)

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if not listed and not covered:
            return Change.NOT_LISTED
        if not listed:
            new: dict[str, Any] = {"project_path": str(path), "enabled": True}
            new["repo_launch"] = decision
            if covering:
                # The new entry decides alone from now on.
                new |= _launch_of(document, covering)
            document.setdefault("projects", []).append(new)
            return Change.DECIDED
        if all(entry.repo_launch == decision for entry in listed):
            return Change.ALREADY_DECIDED
        for entry in listed:
            document["projects"][entry.index]["repo_launch"] = decision
        return Change.DECIDED

    return _change(file, path, change)


def _change(
    file: Path, path: Path, change: Callable[[dict[str, Any], list[ProjectEntry]], Change]
) -> Done:
    """Apply `change(document, entries of path)` to the file and return the result."""
    made = []

    def edit(document: dict[str, Any]) -> bool:
        made.append(change(document, _listed(document, path)))
        return made[0] in _CHANGES

    document_file.edit(file, edit)
    return Done(made[0], path)


def _listed(document: dict[str, Any], path: Path) -> list[ProjectEntry]:
    entries = (
        read_entry(index, raw, "", []) for index, raw in enumerate(document.get("projects", []))
    )
    return [entry for entry in entries if entry and project_path.same_directory(entry.path, path)]


def _launch_of(document: dict[str, Any], entry: ProjectEntry) -> dict[str, Any]:
    """Return the launch_config of an entry as it is written, under its name; {} if it has none."""
    raw = document["projects"][entry.index]
    return {"launch_config": raw["launch_config"]} if "launch_config" in raw else {}

"""Which projects agents may start sessions in: `projects.json`, as specified.

Other tools and the user's editor write the file too, which determines the rules here:

- A bad entry is reported as a `Problem` and does not hide the others.
- A file that cannot be read as a whole yields no entries and is never overwritten.
- Changes are made to the document as it was read, so unknown keys survive.
- Changes are made under a lock and by rename (`kaimond.config.files`), so no update is lost.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kaimond.config import document_file, preferences, project_path
from kaimond.config import julia_options as launch_config
from kaimond.config.document_file import UnusableError
from kaimond.config.problem import Problem
from kaimond.config.project_path import PathRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaimond.config.julia_options import LaunchConfig
    from kaimond.config.preferences import Patterns, Preferences


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """One entry of the list with a valid path and `enabled`.

    Attributes:
        index: Its position in the file, from 0; None if `allow_any_project` takes its place.
        path: The real path of the project.
        stored: The path as written in the file.
        enabled: Whether agents may start sessions in it.
        launch: How Julia is started; None if launch_config is invalid, see `problems`.
        problems: The faults of this entry.
        repo_launch: The user's decision on the repository's launch options: the approved digest,
            False if they are never used, None if undecided.
    """

    index: int | None
    path: Path
    stored: str
    enabled: bool = True
    launch: LaunchConfig | None = launch_config.DEFAULT
    problems: tuple[Problem, ...] = ()
    repo_launch: str | bool | None = None


@dataclass(frozen=True, slots=True)
class Projects:
    """The content of projects.json.

    Attributes:
        file: The file that was read.
        entries: The valid entries, in the order of the file.
        problems: All faults, including those of the entries.
        patterns: The `session_prefs`; use `preferences` to look one up.
        grep_paths: Directories that searches may read besides the projects.
        allow_any_project: Whether projects that are not listed are allowed too.
        readable: False if the file as a whole could not be used.
    """

    file: Path
    entries: tuple[ProjectEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    patterns: Patterns | None = None
    grep_paths: tuple[str, ...] = ()
    allow_any_project: bool = False
    readable: bool = True

    def allowed(self, path: Path) -> ProjectEntry | None:
        """Return the entry that allows sessions in the real path `path`, or None.

        Only this exact directory counts, not a parent. With `allow_any_project` every directory is
        allowed, except one that an entry disables.
        """
        matching = self._matching(path)
        for entry in matching:
            if entry.enabled:
                return entry
        if self.allow_any_project and not matching:
            return ProjectEntry(None, path, str(path))
        return None

    def refusal(self, path: Path) -> str:
        """Return why `path` is not allowed, and what would allow it; only for such a path."""
        cure = f"To allow it, its owner runs: kaimonctl project allow {shlex.quote(str(path))}"
        if not self.readable:
            what = "; ".join(str(problem) for problem in self.problems)
            return f"{path} is not allowed: the list of projects cannot be used. {what}"
        if self._matching(path):
            return f"{path} is switched off in {self.file}. {cure}"
        for entry in self.entries:
            if entry.enabled and entry.path in path.parents:
                return (
                    f"{path} is not an allowed project. {entry.path} above it is, "
                    f"but each project is allowed by itself. {cure}"
                )
        return f"{path} is not an allowed project. {cure}"

    def preferences(self, path: Path) -> Preferences:
        """Return the preferences that `session_prefs` sets for the real path `path`."""
        return preferences.lookup(self.patterns or {}, path)

    def _matching(self, path: Path) -> list[ProjectEntry]:
        return [entry for entry in self.entries if project_path.same_directory(entry.path, path)]


class Change(StrEnum):
    """The outcome of `allow`, `deny` or `decide_launch`."""

    ADDED = "added"
    ENABLED = "enabled"
    ALREADY_ALLOWED = "already allowed"
    DENIED = "denied"
    ALREADY_DENIED = "already denied"
    NOT_LISTED = "not listed"
    DECIDED = "decided"
    ALREADY_DECIDED = "already decided"


class Done(NamedTuple):
    """The result of a change: what was done, and to which real path."""

    change: Change
    path: Path


_FAULTY: Final = "Correct the entry; the others are in force."


def load(file: Path) -> Projects:
    """Read projects.json without ever raising; a file that does not exist is an empty list."""
    try:
        document = document_file.read(file)
    except UnusableError as error:
        problem = Problem(str(file), error.what, error.cure)
        return Projects(file, problems=(problem,), readable=False)
    problems: list[Problem] = []
    entries: list[ProjectEntry] = []
    for index, raw in enumerate(document.get("projects", [])):
        where = f"{file}, projects[{index}]"
        entry = _entry(index, raw, where, problems)
        if entry is None:
            continue
        for earlier in entries:
            if project_path.same_directory(earlier.path, entry.path):
                what = f"{entry.path} is listed already, by projects[{earlier.index}]"
                cure = "Remove one of them; as long as one is enabled the project is allowed."
                problems.append(Problem(where, what, cure))
                break
        entries.append(entry)
    patterns, faults = preferences.parse(document.get("session_prefs", {}), str(file))
    problems.extend(faults)
    any_project = document.get("allow_any_project", False)
    if not isinstance(any_project, bool):
        what = "allow_any_project is neither true nor false, so it counts as false"
        problems.append(Problem(str(file), what, "Correct it or remove it."))
    grep_paths = _grep_paths(document.get("grep_paths", []), file, problems)
    return Projects(
        file, tuple(entries), tuple(problems), patterns, grep_paths, any_project is True
    )


def allow(file: Path, directory: str) -> Done:
    """Allow sessions in `directory`, a Julia project.

    An existing entry is enabled and otherwise left unchanged.

    Raises:
        PathRefusedError: It cannot be a project, or is the root or the home directory.
        EditError: The file could not be changed.
    """
    path = project_path.resolve_project(directory)
    if project_path.is_too_wide(path):
        raise PathRefusedError(
            f"{path} is too wide to be allowed as a project. Put the project into a directory "
            "of its own and allow that."
        )
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise PathRefusedError(f"{str(path)!a} is not UTF-8, so JSON cannot hold it.") from error

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if any(entry.enabled for entry in listed):
            return Change.ALREADY_ALLOWED
        if listed:
            document["projects"][listed[0].index]["enabled"] = True
            return Change.ENABLED
        entry = {"project_path": str(path), "enabled": True}
        document.setdefault("projects", []).append(entry)
        return Change.ADDED

    return _change(file, path, change)


def deny(file: Path, directory: str) -> Done:
    """Disable every entry of `directory`, which need not exist any more.

    The entries stay, so that launch_config is still there if the directory is allowed again. With
    `allow_any_project` an entry is added, since nothing less would deny the directory.

    Raises:
        PathRefusedError: It is not an absolute path.
        EditError: The file could not be changed.
    """
    path = project_path.resolve(directory)

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if not listed and document.get("allow_any_project") is True:
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
        directory: the project, which must be listed, or allowed by `allow_any_project`.
        decision: a value of `ProjectEntry.repo_launch`.

    Raises:
        PathRefusedError: It is not a project.
        document_file.EditError: The file could not be changed.
    """
    path = project_path.resolve_project(directory)

    def change(document: dict[str, Any], listed: list[ProjectEntry]) -> Change:
        if not listed and document.get("allow_any_project") is not True:
            return Change.NOT_LISTED
        if not listed:
            new = {"project_path": str(path), "enabled": True, "repo_launch": decision}
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
        return made[0] in {Change.ADDED, Change.ENABLED, Change.DENIED, Change.DECIDED}

    document_file.edit(file, edit)
    return Done(made[0], path)


def _listed(document: dict[str, Any], path: Path) -> list[ProjectEntry]:
    entries = (_entry(index, raw, "", []) for index, raw in enumerate(document.get("projects", [])))
    return [entry for entry in entries if entry and project_path.same_directory(entry.path, path)]


def _entry(index: int, raw: object, where: str, problems: list[Problem]) -> ProjectEntry | None:
    """Read one entry; add its faults to `problems`."""
    if not isinstance(raw, dict):
        problems.append(Problem(where, "not an object", _FAULTY))
        return None
    stored = raw.get("project_path")
    if not isinstance(stored, str):
        problems.append(Problem(where, "project_path is missing or no text", _FAULTY))
        return None
    try:
        path = project_path.resolve(stored)
    except PathRefusedError as error:
        problems.append(Problem(where, str(error).rstrip("."), _FAULTY))
        return None
    enabled = raw.get("enabled", True)
    if not isinstance(enabled, bool):
        # Guessing could allow a project that was meant to be denied.
        what = f"enabled of {path} is neither true nor false, so it counts as false"
        faults: tuple[Problem, ...] = (Problem(where, what, "Correct it."),)
    else:
        faults = ()
    given = raw.get("launch_config")
    config, launch_faults = launch_config.parse({} if given is None else given, where)
    faults += launch_faults
    decision = raw.get("repo_launch")
    if not (decision is None or decision is False or isinstance(decision, str)):
        what = f"repo_launch of {path} is neither a text nor false, so nothing counts as approved"
        faults += (Problem(where, what, "Run `kaimonctl project approve` again, or remove it."),)
        decision = None
    problems.extend(faults)
    return ProjectEntry(index, path, stored, enabled is True, config, faults, decision)


def _grep_paths(raw: object, file: Path, problems: list[Problem]) -> tuple[str, ...]:
    if isinstance(raw, list):
        texts = tuple(item for item in raw if isinstance(item, str))
        if len(texts) == len(raw):
            return texts
    else:
        texts = ()
    cure = "Write a list of texts; whatever is none is left out."
    problems.append(Problem(str(file), "grep_paths is not a list of paths", cure))
    return texts

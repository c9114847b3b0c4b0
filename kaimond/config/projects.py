"""Which projects agents may start sessions in: `projects.json`, as specified.

Other tools and the user's editor write the file too, which determines the rules here:

- A bad entry is reported as a `Problem` and does not hide the others.
- A file that cannot be read as a whole yields no entries and is never overwritten.

Changes to the file are made by `kaimond.config.projects_edit`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kaimond.config import document_file, git_worktree, preferences, project_path
from kaimond.config import julia_options as launch_config
from kaimond.config.document_file import UnusableError
from kaimond.config.problem import Problem
from kaimond.config.project_path import PathRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.julia_options import LaunchConfig
    from kaimond.config.preferences import Patterns, Preferences


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """One entry of the list with a valid path and `enabled`.

    Attributes:
        index: Its position in the file, from 0; None if the project is not listed itself but
            covered by another entry or by `allow_any_project`.
        path: The real path of the project.
        stored: The path as written in the file.
        enabled: Whether agents may start sessions in it.
        launch: How Julia is started; None if launch_config is invalid, see `problems`.
        problems: The faults of this entry.
        repo_launch: The user's decision on the repository's launch options: the approved digest,
            False if they are never used, None if undecided.
        below: Whether it also allows every project beneath its directory.
        worktrees: Whether it also allows the same directory in other git worktrees.
    """

    index: int | None
    path: Path
    stored: str
    enabled: bool = True
    launch: LaunchConfig | None = launch_config.DEFAULT
    problems: tuple[Problem, ...] = ()
    repo_launch: str | bool | None = None
    below: bool = False
    worktrees: bool = False

    def covers(self, path: Path) -> bool:
        """Return whether it allows the real path `path`, which is not its own directory."""
        return self.enabled and (
            (self.below and self.path in path.parents)
            or (self.worktrees and git_worktree.same_place(self.path, path))
        )


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
        """Return the entry that allows sessions in exactly the real path `path`, or None.

        An entry of this directory decides. Without one, an entry that covers it does, and then
        `allow_any_project`; the result then has the path and no index.
        """
        matching = self._matching(path)
        for entry in matching:
            if entry.enabled:
                return entry
        if matching:
            return None
        covering = self.covering(path)
        if covering:
            return replace(covering, index=None, path=path, below=False, worktrees=False)
        if self.allow_any_project:
            return ProjectEntry(None, path, str(path))
        return None

    def denies(self, path: Path) -> bool:
        """Return whether an entry switches the real path `path` off."""
        matching = self._matching(path)
        return bool(matching) and not any(entry.enabled for entry in matching)

    def covering(self, path: Path) -> ProjectEntry | None:
        """Return the entry of another directory that allows the real path `path` too, or None."""
        return next((entry for entry in self.entries if entry.covers(path)), None)

    def leading_to(self, path: Path) -> ProjectEntry | None:
        """Return the nearest allowed project at or above the real path `path`, or None.

        The environment of a package's tests or documentation is no package; the package around it
        is meant, unless the environment is listed itself.
        """
        found = None
        for directory in (path, *path.parents):
            if self.denies(directory):
                break
            if not project_path.is_project(directory) or project_path.is_too_wide(directory):
                continue
            entry = self.allowed(directory)
            if entry and (entry.index is not None or project_path.is_package(directory)):
                return entry
            found = found or entry
        return found

    def refusal(self, path: Path) -> str:
        """Return why `path` is not allowed, and what would allow it; only for such a path."""
        cure = f"To allow it, its owner runs: kaimonctl project allow {shlex.quote(str(path))}"
        if not self.readable:
            what = "; ".join(str(problem) for problem in self.problems)
            return f"{path} is not allowed: the list of projects cannot be used. {what}"
        if self._matching(path):
            return f"{path} is switched off in {self.file}. {cure}"
        original = self.worktree_of(path)
        if original:
            return (
                f"{path} is not an allowed project, but a git worktree of one. To allow all "
                "worktrees of that, its owner runs: "
                f"kaimonctl project allow --worktrees {shlex.quote(str(original.path))}"
            )
        return f"{path} is not an allowed project. {cure}"

    def worktree_of(self, path: Path) -> ProjectEntry | None:
        """Return the enabled entry that is the same directory in another git worktree, or None."""
        same = (entry for entry in self.entries if git_worktree.same_place(entry.path, path))
        return next((entry for entry in same if entry.enabled), None)

    def preferences(self, path: Path) -> Preferences:
        """Return the preferences that `session_prefs` sets for the real path `path`."""
        return preferences.lookup(self.patterns or {}, path)

    def _matching(self, path: Path) -> list[ProjectEntry]:
        return [entry for entry in self.entries if project_path.same_directory(entry.path, path)]


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
        entry = read_entry(index, raw, where, problems)
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


_SWITCHES: Final = ("enabled", "below", "worktrees")


def read_entry(index: int, raw: object, where: str, problems: list[Problem]) -> ProjectEntry | None:
    """Read one entry; add its faults to `problems`. Return None if it has no valid path."""
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
    switches = {name: raw.get(name, name == "enabled") for name in _SWITCHES}
    # Guessing could allow a project that was meant to be denied.
    faults = tuple(
        Problem(
            where,
            f"{name} of {path} is neither true nor false, so it counts as false",
            "Correct it.",
        )
        for name, value in switches.items()
        if not isinstance(value, bool)
    )
    given = raw.get("launch_config")
    config, launch_faults = launch_config.parse({} if given is None else given, where)
    faults += launch_faults
    decision = raw.get("repo_launch")
    if not (decision is None or decision is False or isinstance(decision, str)):
        what = f"repo_launch of {path} is neither a text nor false, so nothing counts as approved"
        faults += (Problem(where, what, "Run `kaimonctl project approve` again, or remove it."),)
        decision = None
    problems.extend(faults)
    enabled, below, worktrees = (value is True for value in switches.values())
    return ProjectEntry(index, path, stored, enabled, config, faults, decision, below, worktrees)


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

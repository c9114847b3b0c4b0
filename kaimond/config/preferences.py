"""Per-project preferences: the `session_prefs` of projects.json."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from kaimond.config import project_path
from kaimond.config.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Preferences:
    """What holds for the sessions of one project.

    Attributes:
        mirror_repl: Whether an agent's code and results are shown in the session's terminal.
        allow_restart: Whether an agent may restart the session.
    """

    mirror_repl: bool = True
    allow_restart: bool = True


_FIELDS: Final = tuple(item.name for item in fields(Preferences))


def parse(raw: object, where: str) -> tuple[dict[str, dict[str, bool]], tuple[Problem, ...]]:
    """Read a `session_prefs` object: pattern to the fields it sets.

    Returns:
        The patterns with every field that can be used, and what is wrong with the others.
    """
    if not isinstance(raw, dict):
        return {}, (Problem(where, "session_prefs is not an object", "Write it as {...}."),)
    patterns: dict[str, dict[str, bool]] = {}
    problems = []
    for pattern, given in raw.items():
        here = f"{where}, session_prefs[{pattern!a}]"
        if not isinstance(given, dict):
            problems.append(Problem(here, "not an object", "Write it as {...}."))
            continue
        patterns[pattern] = {}
        for name in _FIELDS:
            value = given.get(name)
            if isinstance(value, bool):
                patterns[pattern][name] = value
            elif value is not None:
                what = f"{name} is neither true nor false, so it is ignored"
                problems.append(Problem(here, what, "Correct it or remove it."))
    return patterns, tuple(problems)


def lookup(patterns: Mapping[str, Mapping[str, bool]], project: Path) -> Preferences:
    """Return the preferences of the project at the real path `project`.

    Each field is taken by itself from the most specific pattern that sets it: the project's
    full path, then its name whatever the case, then `*`.
    """
    found: dict[str, bool] = {}
    for level in (
        _by_path(patterns, project),
        _by_name(patterns, project.name),
        (patterns[name] for name in patterns if name == "*"),
    ):
        for given in level:
            found = {**given, **found}
    return Preferences(**found)


def _by_path(
    patterns: Mapping[str, Mapping[str, bool]], project: Path
) -> Iterator[Mapping[str, bool]]:
    for pattern, given in patterns.items():
        if "/" in pattern:
            try:
                path = project_path.resolve(pattern)
            except project_path.PathRefusedError:
                continue
            if project_path.same_directory(path, project):
                yield given


def _by_name(patterns: Mapping[str, Mapping[str, bool]], name: str) -> Iterator[Mapping[str, bool]]:
    for pattern, given in patterns.items():
        if pattern.casefold() == name.casefold():
            yield given

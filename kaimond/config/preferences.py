"""Per-project preferences: the `session_prefs` of projects.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kaimond.config.problem import Problem, Rule, shown
from kaimond.config.scope import Scope

if TYPE_CHECKING:
    from pathlib import Path

Value: TypeAlias = bool | str | float | None
"""What one preference may be in the file."""

Patterns: TypeAlias = Mapping[str, Mapping[str, Value]]
"""For each pattern the fields that it sets; every value has been checked."""

LONGEST: Final = 1_000_000_000
"""Seconds; about thirty years. A timer cannot be given everything that is a number."""


class Reviser(StrEnum):
    """What takes up edited source in a session."""

    AUTO = "auto"
    REVISE = "revise"
    BUILTIN = "builtin"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What holds for the sessions of one project.

    Attributes:
        mirror_repl: Whether an agent's code and results are shown in the session's terminal.
        allow_restart: Whether an agent may restart the session.
        revise: What takes up edited source: Revise if the session has it and else our own reviser
            (auto), one of the two, or nothing.
        restart_when_stale: Whether a session that runs outdated code which no reviser can
            replace is restarted before the next eval.
        idle_timeout: Seconds without an eval after which the session is ended; None for never.
    """

    mirror_repl: bool = True
    allow_restart: bool = True
    revise: Reviser = Reviser.AUTO
    restart_when_stale: bool = False
    idle_timeout: float | None = None


class FoundPreferences(NamedTuple):
    """One preference of one project.

    Attributes:
        value: What holds.
        pattern: The pattern that says so; None for the default.
    """

    value: Value
    pattern: str | None


_FLAG: Final = Rule((bool,), "true or false")

_RULES: Final = {
    "mirror_repl": _FLAG,
    "allow_restart": _FLAG,
    "revise": Rule((str,), ", ".join(f'"{item}"' for item in Reviser), set(Reviser).__contains__),
    "restart_when_stale": _FLAG,
    "idle_timeout": Rule(
        (int, float, NoneType),
        "a number of seconds above 0, or null for never",
        lambda value: value is None or 0 < value <= LONGEST,
    ),
}
assert set(_RULES) == {item.name for item in fields(Preferences)}

NAMES: Final = tuple(_RULES)
"""The names of all preferences, in the order in which they are listed."""


def fault(name: str, value: object) -> tuple[str, str] | None:
    """Return what is wrong with `value` for the preference `name`, and what is allowed.

    Args:
        name: One of `NAMES`.
        value: A value of the JSON document.

    Returns:
        A clause and a sentence, or None if the value can be used.
    """
    rule = _RULES[name]
    if rule.accepts(value):
        return None
    return f"{name} = {shown(value)} is not allowed", f"Allowed is {rule.allowed}."


def parse(raw: object, where: str) -> tuple[dict[str, dict[str, Value]], tuple[Problem, ...]]:
    """Read a `session_prefs` object: pattern to the fields it sets.

    `null` counts as "not set here", as for every other key of the file; only for `idle_timeout`
    it is a value (never), since nothing else could lift a time-out that `*` sets.

    Returns:
        The patterns with every field that can be used, and what is wrong with the others.
    """
    if not isinstance(raw, dict):
        return {}, (Problem(where, "session_prefs is not an object", "Write it as {...}."),)
    patterns: dict[str, dict[str, Value]] = {}
    problems = []
    for pattern, given in raw.items():
        here = f"{where}, session_prefs[{pattern!a}]"
        if not isinstance(given, dict):
            problems.append(Problem(here, "not an object", "Write it as {...}."))
            continue
        patterns[pattern] = {}
        for name, rule in _RULES.items():
            value = given.get(name)
            if name not in given or (value is None and NoneType not in rule.types):
                continue
            if wrong := fault(name, value):
                what, cure = wrong
                problems.append(Problem(here, f"{what}, so it is ignored", cure))
            else:
                patterns[pattern][name] = value
    return patterns, tuple(problems)


def lookup(patterns: Patterns, project: Path) -> Preferences:
    """Return the preferences of the project at the real path `project`; see `explain`."""
    values = {name: found.value for name, found in explain(patterns, Scope(path=project)).items()}
    span = values["idle_timeout"]
    return Preferences(
        mirror_repl=bool(values["mirror_repl"]),
        allow_restart=bool(values["allow_restart"]),
        revise=Reviser(str(values["revise"])),
        restart_when_stale=bool(values["restart_when_stale"]),
        idle_timeout=None if span is None else float(span),
    )


def explain(patterns: Patterns, scope: Scope) -> dict[str, FoundPreferences]:
    """Return every preference of a scope, and who says so.

    Each field is taken by itself from the most specific pattern that sets it: the project's
    full path, then its name whatever the case, then `*`. Of two equally specific patterns the
    first in the file counts.
    """
    default = Preferences()
    found = {name: FoundPreferences(getattr(default, name), None) for name in NAMES}
    for level in scope.chain():
        for pattern in filter(level.matches, patterns):
            for name, value in patterns[pattern].items():
                if found[name].pattern is None:
                    found[name] = FoundPreferences(value, pattern)
    return found

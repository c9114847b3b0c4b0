"""Per-project preferences: the `session_prefs` of projects.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kaimond.config.problem import Problem, shown
from kaimond.config.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Value: TypeAlias = bool | str | float | None
"""The type of one preference in the file."""

Patterns: TypeAlias = Mapping[str, Mapping[str, Value]]
"""For each pattern the fields that it sets; every value has been checked."""

LONGEST: Final = 1_000_000_000
"""Seconds, about thirty years; timers do not accept every number."""


class Reviser(StrEnum):
    """The code that loads edited source into a session."""

    AUTO = "auto"
    REVISE = "revise"
    BUILTIN = "builtin"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences in effect for the sessions of one project.

    Attributes:
        mirror_repl: Whether an agent's code and results are shown in the session's terminal.
        allow_restart: Whether an agent may restart the session.
        revise: What loads edited source: Revise if the session has it, otherwise our own reviser
            (auto), one of the two, or nothing.
        restart_when_stale: Whether a session with outdated code that no reviser can replace is
            restarted before the next eval.
        idle_timeout: Seconds without an eval after which the session is ended; None for never.
    """

    mirror_repl: bool = True
    allow_restart: bool = True
    revise: Reviser = Reviser.AUTO
    restart_when_stale: bool = False
    idle_timeout: float | None = None


class FoundPreferences(NamedTuple):
    """The value of one preference of one project, and its source.

    Attributes:
        value: The value in effect.
        pattern: The pattern that sets it; None for the default.
    """

    value: Value
    pattern: str | None


class _Rule(NamedTuple):
    check: Callable[[object], bool]
    allowed: str
    null_is_a_value: bool = False


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_span(value: object) -> bool:
    # bool is a subclass of int, but `true` is not a number of seconds.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (is_number and 0 < value <= LONGEST)  # type: ignore[operator]


_RULES: Final = {
    "mirror_repl": _Rule(_is_flag, "true or false"),
    "allow_restart": _Rule(_is_flag, "true or false"),
    "revise": _Rule(
        lambda value: isinstance(value, str) and value in set(Reviser),
        ", ".join(f'"{item}"' for item in Reviser),
    ),
    "restart_when_stale": _Rule(_is_flag, "true or false"),
    "idle_timeout": _Rule(
        _is_span, "a number of seconds above 0, or null for never", null_is_a_value=True
    ),
}
assert set(_RULES) == {item.name for item in fields(Preferences)}

NAMES: Final = tuple(_RULES)
"""The names of all preferences, in listing order."""


def fault(name: str, value: object) -> tuple[str, str] | None:
    """Return what is wrong with `value` for the preference `name`, and which values are allowed.

    Args:
        name: One of `NAMES`.
        value: A value from the JSON document.

    Returns:
        A clause and a sentence, or None if the value is valid.
    """
    rule = _RULES[name]
    if rule.check(value):
        return None
    return f"{name} = {shown(value)} is not allowed", f"Allowed is {rule.allowed}."


def parse(raw: object, where: str) -> tuple[dict[str, dict[str, Value]], tuple[Problem, ...]]:
    """Read a `session_prefs` object: a map from patterns to the fields they set.

    `null` means "not set here", as for every other key of the file, except for `idle_timeout`,
    where it means never, since nothing else could lift a time-out set by `*`.

    Returns:
        The patterns with all valid fields, and the problems of the other fields.
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
            if name not in given or (value is None and not rule.null_is_a_value):
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
    """Return every preference of a scope, with the pattern that sets it.

    Each field is looked up separately, in the most specific pattern that sets it: the project's
    full path, then its name (ignoring case), then `*`. Of two equally specific patterns the
    first in the file is used.
    """
    default = Preferences()
    found = {name: FoundPreferences(getattr(default, name), None) for name in NAMES}
    for level in scope.chain():
        for pattern in filter(level.matches, patterns):
            for name, value in patterns[pattern].items():
                if found[name].pattern is None:
                    found[name] = FoundPreferences(value, pattern)
    return found

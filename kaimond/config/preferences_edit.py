"""Edits `session_prefs` in projects.json; everything else in the file stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kaimond.config import document_file, preferences
from kaimond.config.document_file import EditError, UnusableError

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.preferences import Value
    from kaimond.config.scope import Scope


class Edited(NamedTuple):
    """The result of a change.

    Attributes:
        pattern: The pattern in `session_prefs` that has, or had, the preference.
        was_set: Whether the preference was set before.
        before: Its previous value, as in the file.
        changed: Whether the file was written.
    """

    pattern: str
    was_set: bool
    before: object
    changed: bool


def set_value(file: Path, scope: Scope, name: str, value: Value) -> Edited:
    """Set one preference for a scope.

    Raises:
        EditError: The value is not allowed, or the file could not be changed.
    """
    if wrong := preferences.fault(name, value):
        what, cure = wrong
        raise EditError(f"{what}, so nothing was changed. {cure}")
    found: list[Edited] = []

    def change(document: dict[str, Any]) -> bool:
        patterns = _patterns(document)
        # If several patterns mean the same scope, the first one is used.
        pattern = next(filter(scope.matches, patterns), scope.pattern)
        given = _fields(patterns, pattern)
        same = name in given and given[name] == value and type(given[name]) is type(value)
        found.append(Edited(pattern, name in given, given.get(name), not same))
        patterns.setdefault(pattern, given)[name] = value
        return not same

    document_file.edit(file, change)
    return found[0]


def unset(file: Path, scope: Scope, name: str) -> Edited:
    """Remove one preference of a scope, so that a less specific pattern applies.

    Raises:
        EditError: The file could not be changed.
    """
    found: list[Edited] = []

    def change(document: dict[str, Any]) -> bool:
        patterns = _patterns(document)
        for pattern in [pattern for pattern in patterns if scope.matches(pattern)]:
            given = _fields(patterns, pattern)
            if name in given:
                found.append(Edited(pattern, True, given.pop(name), True))
                if not given:
                    del patterns[pattern]
        return bool(found)

    document_file.edit(file, change)
    return found[0] if found else Edited(scope.pattern, False, None, False)


def _patterns(document: dict[str, Any]) -> dict[str, Any]:
    patterns = document.get("session_prefs")
    if patterns is None:
        patterns = document["session_prefs"] = {}
    if not isinstance(patterns, dict):
        raise UnusableError("session_prefs is not an object", "Correct it in an editor.")
    return patterns


def _fields(patterns: dict[str, Any], pattern: str) -> dict[str, Any]:
    given = patterns.get(pattern, {})
    if not isinstance(given, dict):
        what = f"session_prefs[{pattern!a}] is not an object"
        raise UnusableError(what, "Correct it in an editor.")
    return given

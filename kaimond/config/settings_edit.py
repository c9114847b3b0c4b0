"""Edits the daemon's settings in a file of our own, never in the user's kaimond.toml."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from kaimond.config import files, settings
from kaimond.config.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kaimond.config.settings import Key

OURS: Final = "90-kaimonctl.toml"
"""Our file in the overlay directory. Only files with a later name are read after it."""

_HEAD: Final = """\
# Written by `kaimonctl config`, which keeps no comments and no layout here.
# What it says wins over kaimond.toml, which is yours to edit.
"""


def value_of(key: Key, words: Sequence[str]) -> object:
    """Return the value that the words of a command line stand for.

    Strings need no quotes there, a list is given word by word; both may also be TOML.

    Raises:
        SettingsError: The key cannot have this value.
    """
    if list in key.rule.types:
        whole = _toml(words[0]) if len(words) == 1 else None
        return settings.checked(key, whole if isinstance(whole, list) else list(words))
    if len(words) > 1:
        raise SettingsError(f"{key.name} takes one value, and {len(words)} were given.")
    value = _toml(words[0])
    if str in key.rule.types and not isinstance(value, str):
        value = words[0]
    return settings.checked(key, words[0] if value is None else value)


def set_value(overlay: Path, key: Key, value: object) -> bool:
    """Set a key in our file; return whether the file changed.

    Args:
        overlay: The directory of the overlay files; created if missing.
        key: The setting's key.
        value: The value, as returned by `value_of`.

    Raises:
        SettingsError: The file could not be changed and is as it was.
    """

    def change(table: dict[str, Any], name: str) -> None:
        table[name] = list(value) if isinstance(value, tuple) else value

    return _edit(overlay / OURS, key, change)


def unset(overlay: Path, key: Key) -> bool:
    """Remove a key from our file; return whether it was set there.

    Raises:
        SettingsError: The file could not be changed and is as it was.
    """
    file = overlay / OURS
    return file.exists() and _edit(file, key, lambda table, name: table.pop(name, None))


def _edit(file: Path, key: Key, change: Callable[[dict[str, Any], str], object]) -> bool:
    target = files.target(file)
    try:
        with files.locked(target):
            before, document = settings.parse(target), settings.parse(target)
            _change(document, key, change)
            # Compared as text, because 1, 1.0 and True are equal in Python.
            if repr(document) == repr(before):
                return False
            import tomli_w  # noqa: PLC0415 - only what changes something waits for it

            files.replace(target, f"{_HEAD}\n{tomli_w.dumps(document)}".encode())
    except SettingsError as error:
        raise SettingsError(f"{error} Correct that file in an editor, or remove it.") from None
    except OSError as error:
        raise SettingsError(
            f"{file} could not be changed ({error.strerror or error}). It is as it was."
        ) from error
    return True


def _change(
    document: dict[str, Any], key: Key, change: Callable[[dict[str, Any], str], object]
) -> None:
    table = document.setdefault(key.table, {})
    if not isinstance(table, dict):
        raise SettingsError(f"In kaimond.d/{OURS}, {key.table} is not a table.")
    change(table, key.name.partition(".")[2])
    if not table:
        del document[key.table]


def _toml(text: str) -> object:
    """Parse `text` as a TOML value; return None if it is not one."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return None
    return parsed["value"] if len(parsed) == 1 else None

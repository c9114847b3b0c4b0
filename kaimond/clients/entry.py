"""Changes to our entry in a client's configuration, as functions from text to text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kaimond.clients import jsonc, jsonc_tree, toml_text
from kaimond.clients.client import PROGRAM
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from kaimond.clients.client import Client


class ForeignEntryError(KaimonError):
    """Another server has our name; the message is the command that starts it."""


class EntryState(StrEnum):
    """The state of our entry in a configuration."""

    ABSENT = "not installed"
    OURS = "installed"
    OUTDATED = "installed, but not as this kaimonctl would"
    FOREIGN = "another server has the name"


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """Our entry as found in a configuration.

    Attributes:
        state: the entry's state.
        command: the command that it starts, as far as it can be determined.
    """

    state: EntryState
    command: str = ""


def look(client: Client, text: str, command: str) -> FoundEntry:
    """Find our entry in a configuration.

    Args:
        client: the client that owns the configuration.
        text: the configuration's text.
        command: absolute path of `kaimon-mcp`.

    Raises:
        EditError: the text cannot be read.
    """
    return _judged(client, _entry(client, text), command)


def _judged(client: Client, entry: Any, command: str) -> FoundEntry:
    if entry is None:
        return FoundEntry(EntryState.ABSENT)
    if not isinstance(entry, dict):
        return FoundEntry(EntryState.FOREIGN, _shown(entry))
    starts = entry.get("command")
    if client.command_is_list and isinstance(starts, list) and starts:
        starts = starts[0]
    if not isinstance(starts, str) or PurePath(starts).name != PROGRAM:
        known = starts if isinstance(starts, str) else entry.get("url", entry.get("httpUrl"))
        return FoundEntry(EntryState.FOREIGN, _shown(known if known is not None else entry))
    wanted = client.required(command)
    right = all(entry.get(key) == value for key, value in wanted.items())
    return FoundEntry(EntryState.OURS if right else EntryState.OUTDATED, starts)


def install(client: Client, text: str, command: str, *, replace: bool = False) -> str:
    """Return the configuration with our entry; the same text if it is already up to date.

    In an existing entry of ours, change only what keeps it from working; the user's additions,
    time limits included, stay.

    Args:
        client: the client that owns the configuration.
        text: the configuration's text; empty if there is none yet.
        command: absolute path of `kaimon-mcp`.
        replace: whether to replace another server that has our name.

    Raises:
        EditError: the text cannot be read, or not changed safely.
        ForeignEntryError: another server has our name.
    """
    entry = _entry(client, text)
    found = _judged(client, entry, command)
    if found.state is EntryState.FOREIGN:
        if not replace:
            raise ForeignEntryError(found.command)
        text = remove(client, text, foreign=True)
        found = FoundEntry(EntryState.ABSENT)
    if found.state is EntryState.ABSENT:
        return _put_all(client, text, command)
    lacking = {key: value for key, value in client.defaults.items() if key not in entry}
    values = {**client.required(command), **lacking}
    changes = {key: value for key, value in values.items() if entry.get(key) != value}
    if client.form == "toml":
        return toml_text.put(text, client.path, changes)
    for key, value in changes.items():
        text = jsonc.put(text, (*client.path, key), value)
    return text


def remove(client: Client, text: str, *, foreign: bool = False) -> str:
    """Return the configuration without our entry; the same text if it has none.

    What is empty without it is removed, too.

    Args:
        client: the client that owns the configuration.
        text: the configuration's text.
        foreign: whether to remove even a server that has our name but is not ours.

    Raises:
        EditError: the text cannot be read, or not changed safely.
        ForeignEntryError: another server has our name.
    """
    found = look(client, text, "")
    if found.state is EntryState.FOREIGN and not foreign:
        raise ForeignEntryError(found.command)
    if client.form == "toml":
        return toml_text.remove(text, client.path)
    return jsonc.remove_if_empty(jsonc.remove(text, client.path), client.path[:-1])


def snippet(client: Client, command: str) -> str:
    """Return the text that a person adds by hand, in the client's own format."""
    return _put_all(client, "", command).rstrip("\n")


def _put_all(client: Client, text: str, command: str) -> str:
    values = client.entry(command)
    if client.form == "json":
        return jsonc.put(text, client.path, values)
    return toml_text.put(text, client.path, values)


def _entry(client: Client, text: str) -> Any:
    if client.form == "toml":
        return toml_text.find(toml_text.parse(text), client.path)
    if jsonc_tree.is_empty(text):
        return None
    member = jsonc_tree.find(jsonc_tree.parse(text), client.path)
    return member.node.value if member else None


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line

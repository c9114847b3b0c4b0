"""What is to be changed in a client's configuration: from a text to a text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kaimond.clients import jsonc, jsonc_tree, toml_text
from kaimond.clients.table import PROGRAM
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from kaimond.clients.table import Client


class ForeignEntryError(KaimonError):
    """The name is taken by a server that is not ours; the text is how it is started."""


class EntryState(StrEnum):
    """What a configuration says of us."""

    ABSENT = "not installed"
    OURS = "installed"
    OUTDATED = "installed, but not as this kaimonctl would"
    FOREIGN = "another server has the name"


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """Our entry in a configuration.

    Attributes:
        state: what it is.
        command: what it starts, as far as that can be told.
    """

    state: EntryState
    command: str = ""


def look(client: Client, text: str, command: str) -> FoundEntry:
    """Find our entry.

    Args:
        client: whose configuration it is.
        text: the configuration.
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
    if not isinstance(starts, str) or PurePath(starts).name != PROGRAM:
        known = starts if isinstance(starts, str) else entry.get("url", entry.get("httpUrl"))
        return FoundEntry(EntryState.FOREIGN, _shown(known if known is not None else entry))
    wanted = client.required(command)
    right = all(entry.get(key) == value for key, value in wanted.items())
    return FoundEntry(EntryState.OURS if right else EntryState.OUTDATED, starts)


def install(client: Client, text: str, command: str, *, replace: bool = False) -> str:
    """The configuration with our entry in it; the same text if it is there already.

    Of an entry of ours, only what keeps it from working is changed: what the user has added to it,
    time limits included, stays.

    Args:
        client: whose configuration it is.
        text: the configuration; empty if there is none yet.
        command: absolute path of `kaimon-mcp`.
        replace: also if another server has our name.

    Raises:
        EditError: the text cannot be read, or not be changed safely.
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
    """The configuration without our entry; the same text if there is none.

    Args:
        client: whose configuration it is.
        text: the configuration.
        foreign: also a server that is not ours but has our name.

    Raises:
        EditError: the text cannot be read, or not be changed safely.
        ForeignEntryError: another server has our name.
    """
    found = look(client, text, "")
    if found.state is EntryState.FOREIGN and not foreign:
        raise ForeignEntryError(found.command)
    if client.form == "toml":
        return toml_text.remove(text, client.path)
    return jsonc.remove(text, client.path)


def snippet(client: Client, command: str) -> str:
    """What a person adds by hand, in the client's own form."""
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

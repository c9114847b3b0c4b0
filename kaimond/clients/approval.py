"""The note in a client's files that it need not ask before it calls our tools.

Functions from text to text, as in `entry`. Where the note is a key of our entry, it goes with the
entry, and removing it alone is left to whoever edits the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kaimond.clients import jsonc, jsonc_tree, toml_text

if TYPE_CHECKING:
    from kaimond.clients.client import Approval, Client


def approve(client: Client, text: str) -> str:
    """Return the text of the file that holds the note, with the note.

    Args:
        client: a client with an approval.
        text: the file's text; empty if there is none yet.

    Raises:
        EditError: the text cannot be read, or not changed safely.
    """
    note = _note(client)
    if client.form == "toml":
        return toml_text.put(text, note.path[:-1], {note.path[-1]: note.value})
    change = jsonc.add if note.listed else jsonc.put
    return change(text, note.path, note.value)


def withdraw(client: Client, text: str) -> str:
    """Return the text without the note; the same text if it has none, or another one.

    Args:
        client: a client with an approval.
        text: the file's text, from which our entry has been removed.

    Raises:
        EditError: the text cannot be read, or not changed safely.
    """
    note = _note(client)
    if not is_approved(client, text):
        return text
    if note.listed:
        text = jsonc.discard(text, note.path, note.value)
        return jsonc.remove_if_empty(text, note.path)
    return jsonc.remove_if_empty(jsonc.remove(text, note.path), note.path[:-1])


def is_approved(client: Client, text: str) -> bool:
    """Return whether a text has the note.

    Raises:
        EditError: the text cannot be read.
    """
    note = _note(client)
    if client.form == "toml":
        return bool(toml_text.find(toml_text.parse(text), note.path) == note.value)
    if jsonc_tree.is_empty(text):
        return False
    found = jsonc_tree.find(jsonc_tree.parse(text), note.path)
    if found is None:
        return False
    value = found.node.value
    return isinstance(value, list) and note.value in value if note.listed else value == note.value


def shown(client: Client) -> str:
    """Return the note on one line, as people read it."""
    note = _note(client)
    value = json.dumps(note.value)
    return f"{'.'.join(note.path)}: {f'[..., {value}]' if note.listed else value}"


def _note(client: Client) -> Approval:
    assert client.approval
    return client.approval

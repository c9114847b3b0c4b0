"""MCP clients and their configuration files: which file, in which format, with which entry.

`table` describes each client, `jsonc` and `toml_text` change the requested part of a text and
nothing else, `entry` decides what to change, and `file` is the only module that touches the disk.
"""

from __future__ import annotations

from kaimond.errors import KaimonError


class EditError(KaimonError):
    """A configuration cannot be read, or not changed safely; the message is a clause saying why."""

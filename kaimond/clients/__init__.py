"""MCP clients and their configuration files: which file, which format, which entry.

`table` says what is known of each client, `jsonc` and `toml_text` change a text and nothing beside
what they were asked to change, `entry` decides what is to be changed, and `file` is the only part
that touches the disk.
"""

from __future__ import annotations

from kaimond.errors import KaimonError


class EditError(KaimonError):
    """A configuration cannot be read, or not be changed without a risk; a clause says why."""

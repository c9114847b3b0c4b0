"""Julia's depots, where it looks for installed packages, according to JULIA_DEPOT_PATH."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUNDLED_ONLY_SINCE: Final = (1, 11, 0)
_LEADING_EMPTY_SINCE: Final = (1, 11, 2)


def home_of(environment: Mapping[str, str]) -> str:
    """Return the user's home directory; if there is none, the root, where no depot is."""
    return environment.get("HOME") or "/"


def depots(
    environment: Mapping[str, str], version: tuple[int, int, int], project_dir: Path
) -> list[Path]:
    """Return the depots in which packages and artifacts can be.

    Those that come with Julia hold its standard library only, and are left out.

    Args:
        environment: the session's environment.
        version: Julia's version; the meaning of an empty entry has changed.
        project_dir: where Julia is started; relative entries are relative to it.
    """
    home = home_of(environment)
    users = Path(home) / ".julia"
    text = environment.get("JULIA_DEPOT_PATH")
    if text is None:
        return [users]
    if not text:
        return []
    entries = text.split(os.pathsep)
    # Up to 1.10 each empty entry stands for all of Julia's defaults. From 1.11 on it stands for
    # what comes with Julia, and the user's depot comes first if the first entry is empty.
    if version < _BUNDLED_ONLY_SINCE:
        added = "" in entries
    elif version < _LEADING_EMPTY_SINCE:
        added = not any(entries)
    else:
        added = not entries[0]
    listed = [project_dir / _expanded(entry, home) for entry in entries if entry]
    return [users, *listed] if added else listed


def _expanded(entry: str, home: str) -> str:
    return home + entry[1:] if entry == "~" or entry.startswith("~/") else entry

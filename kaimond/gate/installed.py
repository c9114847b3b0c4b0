"""What the gate on the disk speaks, which the next session will have.

An upgrade replaces Kaimon's files while the daemon from before still runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

GATE: Final = Path(__file__).parent.parent / "julia" / "Kaimon" / "src" / "Kaimon.jl"
"""The file that holds the number."""

_NUMBER: Final = re.compile(r"^const PROTOCOL = (\d{1,6})$", re.MULTILINE)


def installed_protocol() -> int:
    """The number of the protocol that the installed gate speaks; 0 if it cannot be told."""
    try:
        found = _NUMBER.search(GATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0

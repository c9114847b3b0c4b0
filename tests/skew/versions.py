"""Programs of ours as they are, but with another version and another protocol number.

There is one version of the code, so a difference in behaviour cannot be tested; what can is that
each side finds out what the other speaks, agrees where that is possible, and else says so.
"""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

_MAIN: Final = {
    "kaimond": "kaimond.daemon",
    "kaimonctl": "kaimond.ctl",
    "kaimon-mcp": "kaimond.shim",
}


class Release(NamedTuple):
    """A version of ours that never was."""

    version: str
    control: int
    gate: int = 1

    def command(self, program: str) -> list[str]:
        """The argument vector of one of its programs."""
        code = (
            f"import kaimond; kaimond.__version__ = {self.version!r}\n"
            f"from kaimond import wire; wire.PROTOCOL = {self.control}\n"
        )
        if program == "kaimond":
            code += (
                "from kaimond.gate import frames\n"
                f"frames.PROTOCOL = {self.gate}\n"
                f"frames.PROTOCOLS = range({self.gate - 1}, {self.gate + 1})\n"
                # The gate of these tests is a script; a file says what it speaks.
                "import os, pathlib\n"
                "from kaimond.gate import gate_version\n"
                "number = pathlib.Path(os.environ['HOME'], 'gate')\n"
                "gate_version.installed_protocol = lambda: int(number.read_text())\n"
            )
        code += f"import sys; from {_MAIN[program]} import main; sys.exit(main())"
        return [sys.executable, "-P", "-c", code]


OLD: Final = Release("0.2.0", 2, 2)
MIDDLE: Final = Release("0.3.0", 3, 3)
NEW: Final = Release("0.4.0", 4, 4)
NEWEST: Final = Release("0.5.0", 5, 5)
RELEASES: Final = (OLD, MIDDLE, NEW)


def agree(one: int, other: int) -> bool:
    """Whether two numbers are close enough: each side speaks its own and the one before."""
    return abs(one - other) <= 1

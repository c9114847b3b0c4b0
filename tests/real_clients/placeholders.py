"""Replaces what differs from run to run in a text, such as keys and times, by its kind."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from kaimond import __version__

_ALWAYS: Final = (
    (r"/\S*(/share/julia/\S+\.jl):\d+", r"<julia>\1:<line>"),
    (r"\b[0-9a-f]{32}\b", "<boot id>"),
    (r"\b(pid|process) \d+", r"\1 <pid>"),
    (r"\bagent([ =])[0-9a-f]{8}\b", r"agent\1<agent>"),
    (r"\byou are [0-9a-f]{8}\b", "you are <agent>"),
    (r"Xoshiro\([^)]*\)", "Xoshiro(<state>)"),
    (r"\b1\.\d+e9\b", "<time>"),
    (rf"\bkaimond {re.escape(__version__)}", "kaimond <version>"),
    (r"\bJulia \d+\.\d+\.\d+", "Julia <version>"),
    (r"\bthreads: \d+", "threads: <number>"),
    (r", [A-Za-z ]+ \(\d+ %(?: CPU)?\)", ", <what it does> (<number> %)"),
    (r"\bCPU \d+ %", "CPU <number> %"),
    (r"\b\d+(\.\d+)? [KMG]iB", "<size>"),
    (r" *\b\d+\.\d ms  ", " <time>  "),
    (r"\b\d+(\.\d+)? seconds\b", "<time>"),
    (r"(?<!every )\b\d+(\.\d+)? ?(?:ms|s|min|h)\b", "<time>"),
    # A column of times is as wide as the longest.
    (r"(?m) +(Time|<time>)$", r"  \1"),
    (r"\d+ already precompiled", "<number> already precompiled"),
)

_LOGGED: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_ID: Final = re.compile(r"\b[0-9a-f]{8}\b")
_NOBODY: Final = "00000000"


@dataclass(frozen=True)
class Placeholders:
    """The replacements for one conversation.

    Attributes:
        home: the home directory.
        keys: the keys of all its sessions.
    """

    home: str
    keys: tuple[str, ...]

    def put_into(self, text: str, *, log: bool = False) -> str:
        """Return a text with placeholders.

        Args:
            text: the text.
            log: whether it is a log, whose lines have times of day.
        """
        # On macOS, /tmp is a link.
        for home in (os.path.realpath(self.home), self.home):
            text = text.replace(home, "/home/you")
        for key in self.keys:
            text = text.replace(key, "<key>")
        if log:
            text = _LOGGED.sub("<time>", text)
        for pattern, placeholder in _ALWAYS:
            text = re.sub(pattern, placeholder, text)
        return _ID.sub(lambda found: _NOBODY if found[0] == _NOBODY else "<eval>", text)

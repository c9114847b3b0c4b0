"""A fault in a configuration file, described so that a person can fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WIDEST: Final = 80
"""Characters of a value that a message shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that does not keep the rest of the file from being used.

    Attributes:
        where: The file, the entry and the key, as far as known.
        what: What is wrong there, as a clause without a full stop.
        cure: What to do about it, as a sentence.
    """

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.cure}"


def shown(value: object) -> str:
    """Return a value as messages show it: printable, on one line, short."""
    try:
        text = ascii(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."

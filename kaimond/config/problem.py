"""One thing that is wrong with a configuration file, told so that a person can mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WIDEST: Final = 80
"""Characters of a value in a message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that did not stop the rest of the file from being used.

    Attributes:
        where: The file, the entry and the key, as far as they apply.
        what: What is wrong there, as a clause without a full stop.
        cure: What to do about it, as a sentence.
    """

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.cure}"


def shown(value: object) -> str:
    """Return a value of a configuration file as a message shows it: plain, on one line, short."""
    try:
        text = ascii(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."

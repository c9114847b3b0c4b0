"""What configuration files may hold, and what is wrong with one, for the person who mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDEST: Final = 80
"""Characters of a value in a message."""


class Rule(NamedTuple):
    """What the value of a key must be.

    Attributes:
        types: The Python types that the value may have; never bool by accident.
        allowed: The same in words, for error texts.
        check: Whether a value of the right type is in range.
        meaning: What the key does, for people.
    """

    types: tuple[type, ...]
    allowed: str
    check: Callable[[Any], bool] = lambda _: True
    meaning: str = ""

    def accepts(self, value: object) -> bool:
        """Return whether a value that was read can be used."""
        # bool is a subclass of int, yet `true` is no number.
        if isinstance(value, bool) and bool not in self.types:
            return False
        return isinstance(value, self.types) and self.check(value)


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

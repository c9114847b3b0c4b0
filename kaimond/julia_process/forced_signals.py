"""Which SIGINTs Julia forces through, told by the rule that it has for it.

Each one weighs 0.3, and what came before fades by a factor of e in a second. One that brings the
sum above 1 is thrown at whatever instruction runs, and Julia hears none for half a second then.
"""

from __future__ import annotations

import math
from typing import Final

_WEIGHT: Final = 0.3
_ENOUGH: Final = 1.0
_DEAF: Final = 0.5


class Forcing:
    """The SIGINTs that one process has got from us. Its very first one weighs nothing."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._sum = 0.0
        self._deaf_until = -math.inf

    def hears(self, now: float) -> bool:
        """Whether Julia takes notice of a SIGINT at this moment of the monotonic clock."""
        return now > self._deaf_until

    def forces(self, now: float) -> bool:
        """Count a SIGINT that Julia takes notice of; tell whether it is forced through."""
        last, self._last = self._last, now
        if last is None:
            return False
        self._sum = self._sum * math.exp(last - now) + _WEIGHT
        if self._sum <= _ENOUGH:
            return False
        self._deaf_until = now + _DEAF
        return True

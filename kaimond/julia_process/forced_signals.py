"""Predicts which SIGINTs Julia forces through, by following Julia's own rule.

Each SIGINT weighs 0.3, and the sum of earlier ones decays by a factor of e per second. One that
brings the sum above 1 is thrown at whatever instruction runs; then Julia ignores SIGINTs for 0.5 s.
"""

from __future__ import annotations

import math
from typing import Final

_WEIGHT: Final = 0.3
_ENOUGH: Final = 1.0
_DEAF: Final = 0.5


class Forcing:
    """The SIGINTs that we have sent to one process. The very first one weighs nothing."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._sum = 0.0
        self._deaf_until = -math.inf

    def hears(self, now: float) -> bool:
        """Return whether Julia handles a SIGINT at this time of the monotonic clock."""
        return now > self._deaf_until

    def forces(self, now: float) -> bool:
        """Count a SIGINT that Julia handles; return whether it is forced through."""
        last, self._last = self._last, now
        if last is None:
            return False
        self._sum = self._sum * math.exp(last - now) + _WEIGHT
        if self._sum <= _ENOUGH:
            return False
        self._deaf_until = now + _DEAF
        return True

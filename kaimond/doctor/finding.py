"""What a check has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARN = "warn"
    """It works, but not everything, or not for long."""

    FAIL = "fail"
    """Something that kaimond needs is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that was looked at.

    Attributes:
        check: name of the check.
        level: how bad it is.
        text: what is true, as a sentence without its full stop or as a few words.
        cure: exactly what to do; empty if nothing needs to be done.
    """

    check: str
    level: Level
    text: str
    cure: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """The finding for programs; without a cure it has the value None."""
        return {**asdict(self), "level": str(self.level), "cure": self.cure or None}

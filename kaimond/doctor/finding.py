"""The findings of checks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARN = "warn"
    """It works, but not completely, or not for long."""

    FAIL = "fail"
    """Something that kaimond needs is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that a check established.

    Attributes:
        check: name of the check.
        level: how bad it is.
        text: the fact, as a sentence without its full stop or as a few words.
        cure: the exact steps that help; empty if nothing needs to be done.
    """

    check: str
    level: Level
    text: str
    cure: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """Return the finding for programs; a missing cure has the value None."""
        return {**asdict(self), "level": str(self.level), "cure": self.cure or None}

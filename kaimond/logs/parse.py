"""Parses lines of the server log."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
"""From the least to the most severe."""

_RECORD: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (DEBUG|INFO|WARNING|ERROR) +"
    r"session=(\S+) agent=(\S+) ([^\s:]+): ?(.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One record of the log.

    Attributes:
        time: when it was made; None for text that no record of ours precedes.
        level: one of `LEVELS`; empty if there is no time.
        session: the key of the session that it is about, or "-".
        agent: the beginning of the agent's id, or "-".
        logger: the part of the daemon that wrote it; empty if there is no time.
        message: the message, with its escapes, and the continuation lines below it.
        text: the whole record as it is in the file.
    """

    time: datetime | None
    level: str
    session: str
    agent: str
    logger: str
    message: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the record for JSON, with the time as in the file."""
        return {
            "time": self.time
            and f"{self.time:%Y-%m-%dT%H:%M:%S}.{self.time.microsecond // 1000:03d}Z",
            "level": self.level,
            "session": self.session,
            "agent": self.agent,
            "logger": self.logger,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A selection of records; what is None does not matter.

    Attributes:
        level: the least level, one of `LEVELS`, in upper or lower case.
        session: a session key.
        since: the earliest time (aware).
    """

    level: str | None = None
    session: str | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.level is not None and self.level.upper() not in LEVELS:
            raise ValueError(f"{self.level!a} is no level: use one of {', '.join(LEVELS)}")

    def matches(self, line: Line) -> bool:
        """Return whether `line` is wanted. Text without a record is wanted if everything is."""
        if line.time is None:
            return self == Wanted()
        if self.level and LEVELS.index(line.level) < LEVELS.index(self.level.upper()):
            return False
        if self.session and line.session != self.session:
            return False
        return self.since is None or line.time >= self.since


def parse_line(text: str) -> Line | None:
    """Return the record that begins with the line `text`, or None if none does."""
    found = _RECORD.fullmatch(text)
    if found is None:
        return None
    try:
        time = datetime.fromisoformat(found[1])
    except ValueError:  # such as the 31st of February, in a line that is not ours
        return None
    return Line(time, found[2], found[3], found[4], found[5], found[6], text)


def join(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the records of consecutive lines (without their newlines), oldest first."""
    current: Line | None = None
    below: list[str] = []
    for text in lines:
        record = parse_line(text)
        if record is None and current is not None:
            below.append(text)
            continue
        if current is not None:
            yield with_continuation(current, below)
            below = []
        current = record or _stray(text)
    if current is not None:
        yield with_continuation(current, below)


def with_continuation(line: Line, below: list[str]) -> Line:
    """Return `line` with the lines that follow it in the file."""
    if not below:
        return line
    rest = "\n".join(below)
    return replace(line, message=f"{line.message}\n{rest}", text=f"{line.text}\n{rest}")


def _stray(text: str) -> Line:
    return Line(None, "", "-", "-", "", text, text)

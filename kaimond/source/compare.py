"""What differences between the disk and a session mean. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.source.disk import OnDisk

CLOCK_LAG: Final = 2.0
"""Seconds that the times of files may lag behind the clock that evals are timed by. It is some
thousandths mostly, but a machine that is short of time was seen to lag by more than 0.05."""


@dataclass(frozen=True)
class Differences:
    """Files of which the session runs another text than the disk has.

    Attributes:
        later: they changed after the last eval began, or so shortly before that nobody can tell.
            The next eval takes them up.
        missed: they had changed before it began, and should have been taken up.
    """

    later: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.later or self.missed)


def compare(
    runs: Mapping[str, str],
    disk: Mapping[str, OnDisk],
    began: float,
    promised: Mapping[str, OnDisk],
) -> Differences:
    """Compare what a session runs with what is on the disk.

    Args:
        runs: digests by path, as the session says.
        disk: what was found of the same paths; one that is missing here was not looked at.
        began: when the session last began to make itself current, in seconds since the epoch.
        promised: what was found before that, and should have been taken up then. This tells
            without a clock what was missed.
    """
    later: list[str] = []
    missed: list[str] = []
    for path, digest in runs.items():
        found = disk.get(path)
        if found is None or found.digest == digest:
            continue
        was_there = found == promised.get(path) or found.changed <= began - CLOCK_LAG
        (missed if was_there else later).append(path)
    return Differences(tuple(sorted(later)), tuple(sorted(missed)))

"""Classifies the differences between a session's source and the disk, as a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.source.disk import OnDisk

CLOCK_LAG: Final = 2.0
"""Seconds that file times may lag behind the clock used for evals. The lag is usually a few
milliseconds, but more than 50 ms was observed on an overloaded machine."""


@dataclass(frozen=True)
class Differences:
    """Files whose text differs between the session and the disk.

    Attributes:
        later: files that changed after the last eval began, or too shortly before it to tell.
            The next eval takes them up.
        missed: files that changed before it began, and should have been taken up.
    """

    later: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there are any differences."""
        return bool(self.later or self.missed)


def compare(
    runs: Mapping[str, str],
    disk: Mapping[str, OnDisk],
    began: float,
    promised: Mapping[str, OnDisk],
) -> Differences:
    """Compare a session's source with the disk.

    Args:
        runs: the session's digests by path, as it reported them.
        disk: what was found on the disk by path; a missing path was not checked.
        began: when the session last began to update itself, in seconds since the epoch.
        promised: what was found before that, and should have been taken up then. This shows
            missed changes without relying on a clock.
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

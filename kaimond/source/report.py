"""Texts about a session's source, made by pure functions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.source.compare import Differences

NAMED: Final = 5
"""Maximum number of files that are listed by name."""

UNKNOWN_REASON: Final = (
    "it differs from what the session runs, and reading all files again did not help; "
    "restart the session"
)


@dataclass(frozen=True)
class Finding:
    """The result of a comparison, for the answer to one eval.

    Attributes:
        later: files that changed after the eval began.
        missed: files that the eval should have taken up but did not.
        cured: whether the session has taken them up since.
    """

    later: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    cured: bool = False

    def lines(self, project: str) -> list[str]:
        """Return the lines to show below an answer; empty if everything is current."""
        said = []
        if self.missed:
            names = older(self.missed, project)
            said.append(f"WARNING: this answer is stale: it was computed with {names}.")
            said.append(
                "  The session has the newest now. Evaluate again."
                if self.cured
                else f"  Not current: {UNKNOWN_REASON}."
            )
        if self.later:
            names = _names(self.later, project)
            said.append(f"({names} changed after this began, and is not in this answer.)")
        return said


def shown(path: str, project: str) -> str:
    """Return a path, relative to the project's directory if it is inside."""
    prefix = os.path.join(project, "")  # noqa: PTH118 - text that may end in a separator
    return path.removeprefix(prefix)


def older(paths: Iterable[str], project: str) -> str:
    """Return a phrase that names files whose older text was used."""
    return f"an older {_names(paths, project)}"


def _names(paths: Iterable[str], project: str) -> str:
    names = [shown(path, project) for path in paths]
    if len(names) > NAMED:
        names[NAMED:] = [f"{len(names) - NAMED} more"]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


@dataclass(frozen=True)
class SourceReport:
    """The status of a session's source at one moment, for display.

    Attributes:
        tracked: what takes up changes, and of which packages.
        stale: files that are not current, each with the reason and a remedy.
        changed: files that changed since the last eval began; the next one takes them up.
        remarks: further information, in sentences.
        hopeless: number of files that only a restart, or undoing the change, makes current.
        off: whether the user has turned off taking up changes.
    """

    tracked: str = ""
    stale: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    hopeless: int = 0
    off: bool = False


def stale_lines(said: str, differences: Differences, project: str) -> tuple[str, ...]:
    """Return a line for each stale file, from the gate's message and our own comparison."""
    own = (f"{shown(path, project)}: {UNKNOWN_REASON}" for path in differences.missed)
    return (*said.splitlines(), *own)


def read_again(key: str, reloaded: str, told: SourceReport) -> str:
    """Return a text about the result of reading all files of a session again.

    Args:
        key: the session's key.
        reloaded: what the gate reports as taken up, one line per file.
        told: the result of comparing with the disk afterwards.
    """
    if told.off:
        return f"Session {key} was not brought up to date: {told.tracked}."
    if not told.tracked:
        return f"Session {key} has loaded no package from a path, so there is nothing to revise."
    lines = [f"Session {key} has read all its source files again: {told.tracked}."]
    taken = reloaded.splitlines()
    lines.append(f"Taken up: {', '.join(taken)}." if taken else "Nothing was left to take up.")
    if told.stale:
        lines += ["WARNING: not current:", *(f"  {what}" for what in told.stale)]
    elif told.changed:
        lines.append(f"Changed since: {', '.join(told.changed)}; the next eval takes it up.")
    else:
        lines.append("All of it was compared with the disk: the session runs what is there.")
    return "\n".join([*lines, *told.remarks])

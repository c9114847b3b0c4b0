"""What is said of a session's source. Pure: states in, sentences out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.source.compare import Differences

NAMED: Final = 5
"""Files that are named one by one."""

UNKNOWN_REASON: Final = (
    "it differs from what the session runs, and reading all files again did not help; "
    "restart the session"
)


@dataclass(frozen=True)
class Finding:
    """What a comparison has shown, for the answer to one eval.

    Attributes:
        later: files that changed after the eval began.
        missed: files that the eval should have had and did not.
        cured: whether the session has them now.
    """

    later: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    cured: bool = False

    def lines(self, project: str) -> list[str]:
        """What is to be said below an answer, nothing if all is as it should be."""
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
    """A path from its project's directory, if it is in it."""
    prefix = os.path.join(project, "")  # noqa: PTH118 - text that may end in a separator
    return path.removeprefix(prefix)


def older(paths: Iterable[str], project: str) -> str:
    """Names of files of which an older text is meant."""
    return f"an older {_names(paths, project)}"


def _names(paths: Iterable[str], project: str) -> str:
    names = [shown(path, project) for path in paths]
    if len(names) > NAMED:
        names[NAMED:] = [f"{len(names) - NAMED} more"]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


@dataclass(frozen=True)
class SourceReport:
    """What is known of a session's source at one moment, for those who ask for its state.

    Attributes:
        tracked: who takes up changes of what.
        stale: files that are not current, each with the reason and what helps.
        changed: files that changed since the last eval began; the next one takes them up.
        remarks: what else should be known, in sentences.
        hopeless: how many files only a restart, or undoing their change, makes current.
        off: whether the user wants that nothing takes up changes.
    """

    tracked: str = ""
    stale: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    hopeless: int = 0
    off: bool = False


def stale_lines(said: str, differences: Differences, project: str) -> tuple[str, ...]:
    """All that is not current: in the gate's words, and what only we have seen."""
    own = (f"{shown(path, project)}: {UNKNOWN_REASON}" for path in differences.missed)
    return (*said.splitlines(), *own)


def read_again(key: str, reloaded: str, told: SourceReport) -> str:
    """What came of reading all files of a session again.

    Args:
        key: of the session.
        reloaded: what the gate says that it took up, a line per file.
        told: what a comparison with the disk has shown afterwards.
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

"""The source status of one session, updated from messages and comparisons."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kaimond.source import loaded_source as told
from kaimond.source.compare import Differences, compare
from kaimond.source.loaded_source import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kaimond.gate.frames import Message
    from kaimond.source.disk import OnDisk

_COUNTER: Final = itertools.count(1)


@dataclass(frozen=True)
class Question:
    """A comparison to make, with the state at one moment.

    Attributes:
        sources: what the session ran.
        began: when it last began to update itself, in seconds since the epoch.
        promised: what was on the disk, and not in the session, when it began.
        touched: files to check, each with the number of the last touch.
    """

    sources: Sources
    began: float
    promised: Mapping[str, OnDisk]
    touched: Mapping[str, int]


@dataclass
class SourceStatus:
    """The source status of one process image.

    Attributes:
        project: the resolved project directory.
        sources: the source it last reported.
        began: when it last began to update itself, in seconds since the epoch.
        said: what it reported about files that are not current.
        hopeless: number of these files that only a restart makes current.
        differences: result of the last comparison with the current sources.
        examined: number of its evals that are being compared before they are answered.
    """

    project: str
    sources: Sources = field(default_factory=Sources)
    began: float = 0.0
    said: str = ""
    hopeless: int = 0
    differences: Differences = field(default_factory=Differences)
    examined: int = 0
    _differing: dict[str, OnDisk] = field(default_factory=dict)
    _promised: dict[str, OnDisk] = field(default_factory=dict)
    _touched: dict[str, int] = field(default_factory=dict)
    _tried: set[tuple[str, str]] = field(default_factory=set)

    @property
    def doubtful(self) -> bool:
        """Whether a file may differ from what the session runs."""
        return bool(self._touched)

    def take(self, message: Message) -> bool:
        """Update from a gate message; return whether the session tracks other files than before."""
        self.said = message.get("stale")
        self.hopeless = int(message.number("restart"))
        new = told.read(message)
        if new is None:
            return False
        before, after = self.sources.files(), new.files()
        self.sources = new
        for path in before.keys() - after.keys():
            self._touched.pop(path, None)
        self.touch(path for path, sha in after.items() if before.get(path) != sha)
        return before.keys() != after.keys()

    def touch(self, paths: Iterable[str] | None = None) -> bool:
        """Mark these files, or all, as possibly changed; return whether the session runs any."""
        files = self.sources.files()
        doubtful = files.keys() if paths is None else files.keys() & set(paths)
        self._touched.update(dict.fromkeys(doubtful, next(_COUNTER)))
        return bool(doubtful)

    def begins(self) -> None:
        """Note that an eval is being sent, which must take up the known differences."""
        self._promised = dict(self._differing)

    def question(self) -> Question:
        """Return what to compare now."""
        return Question(self.sources, self.began, self._promised, dict(self._touched))

    def answered(self, question: Question, disk: Mapping[str, OnDisk]) -> Differences:
        """Record and return the result of a comparison."""
        runs = question.sources.files()
        found = compare(runs, disk, question.began, question.promised)
        if question.sources is self.sources and question.began == self.began:
            # Differing files stay doubtful, so that each eval checks them again.
            differing = {*found.later, *found.missed}
            for path, touch in question.touched.items():
                if path not in differing and self._touched.get(path) == touch:
                    del self._touched[path]
            self._differing = {path: disk[path] for path in differing}
            self.differences = found
        return found

    def worth_a_try(self, missed: Iterable[str], disk: Mapping[str, OnDisk]) -> bool:
        """Return whether reading all files again may help; the same attempt is not repeated."""
        wanted = {(path, disk[path].digest) for path in missed}
        new = wanted - self._tried
        self._tried |= wanted
        return bool(new)

"""What is known of the source of one session: a state that is changed by what is heard and seen."""

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
    """What is to be compared, as it was at one moment.

    Attributes:
        sources: what the session ran.
        began: when it had last begun to make itself current, in seconds since the epoch.
        promised: what the disk had that the session did not, when it began.
        touched: the files to look at, each with the number of the touch that made it doubtful.
    """

    sources: Sources
    began: float
    promised: Mapping[str, OnDisk]
    touched: Mapping[str, int]


@dataclass
class SourceStatus:
    """One process image.

    Attributes:
        project: resolved directory.
        sources: what it runs, as it said last.
        began: when it last began to make itself current, in seconds since the epoch.
        said: what it said of files that are not current.
        hopeless: how many of them only a restart makes current.
        differences: as of the last comparison with what it runs now.
        examined: how many of its evals are compared before they are answered.
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
        """Take in what the session says; tell whether it follows other files than before."""
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
        """These files, or all, may have changed; tell whether the session runs any of them."""
        files = self.sources.files()
        doubtful = files.keys() if paths is None else files.keys() & set(paths)
        self._touched.update(dict.fromkeys(doubtful, next(_COUNTER)))
        return bool(doubtful)

    def begins(self) -> None:
        """An eval is handed over now: what is known to differ has to be taken up for it."""
        self._promised = dict(self._differing)

    def question(self) -> Question:
        """What is to be compared now."""
        return Question(self.sources, self.began, self._promised, dict(self._touched))

    def answered(self, question: Question, disk: Mapping[str, OnDisk]) -> Differences:
        """Conclude what the disk has shown."""
        runs = question.sources.files()
        found = compare(runs, disk, question.began, question.promised)
        if question.sources is self.sources and question.began == self.began:
            # What differs stays doubtful, so that each eval looks at it again.
            differing = {*found.later, *found.missed}
            for path, touch in question.touched.items():
                if path not in differing and self._touched.get(path) == touch:
                    del self._touched[path]
            self._differing = {path: disk[path] for path in differing}
            self.differences = found
        return found

    def worth_a_try(self, missed: Iterable[str], disk: Mapping[str, OnDisk]) -> bool:
        """Whether reading everything again may help; what did not help once is not repeated."""
        wanted = {(path, disk[path].digest) for path in missed}
        new = wanted - self._tried
        self._tried |= wanted
        return bool(new)

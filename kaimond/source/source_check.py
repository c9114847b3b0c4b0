"""Compares what every session runs with what is on the disk, when something has changed.

The gate takes up changes before each eval, and its result says which text of which file it has
then. Here that is compared with the disk whenever the watcher has seen a change or the session runs
something new: at the end of an eval before it is answered, else at once. An eval of a session that
runs what it ran before, and of which no file was touched, costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

from kaimond.events import SourceStale
from kaimond.source.disk import Disk
from kaimond.source.report import Finding, SourceReport, older, shown, stale_lines
from kaimond.source.status import SourceStatus
from kaimond.source.watcher import Watch

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from kaimond.evals.eval import Eval
    from kaimond.events import Bus
    from kaimond.gate.frames import Message
    from kaimond.source.compare import Differences
    from kaimond.source.disk import OnDisk

_log = logging.getLogger("kaimond.source")

REMEMBERED: Final = 256
"""Findings that are kept for answers that are asked for later."""

OFF: Final = "edited source is not taken up, as the preference revise is off"

PATIENCE: Final = 10.0
"""Seconds that an answer waits for its comparison, a second try included."""


class Tracked(Protocol):
    """A session whose source is compared with the disk."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def project(self) -> str:
        """Directory of its project."""

    @property
    def reviser(self) -> str:
        """Which reviser its preferences ask for now."""

    @property
    def busy(self) -> bool:
        """Whether it evaluates."""

    async def read_again(self) -> None:
        """Have it read all its files again. Whatever keeps it from that is no error."""


class SourceCheck:
    """Knows what every living session runs, and whether that is what is on the disk.

    Args:
        bus: that is told when a session misses a change.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sessions: dict[str, Tracked] = {}
        self._standings: dict[str, SourceStatus] = {}
        self._findings: OrderedDict[str, asyncio.Task[list[str]]] = OrderedDict()
        self._late: dict[str, tuple[str, ...]] = {}
        self._trying: dict[str, asyncio.Task[Any]] = {}
        self._disk = Disk()
        self._looking = asyncio.Lock()
        self._watch = Watch(self._changed)
        self._tasks: set[asyncio.Task[Any]] = set()

    # Sessions come and go

    def opened(self, session: Tracked) -> None:
        """A new process image of a session can evaluate; nothing is known of it yet."""
        self._sessions[session.key] = session
        self._standings[session.key] = SourceStatus(session.project)
        self._late.pop(session.key, None)
        self._watch_all()

    def closed(self, key: str) -> None:
        """A process image is gone."""
        self._late.pop(key, None)
        self._sessions.pop(key, None)
        if self._standings.pop(key, None):
            self._watch_all()

    def told(self, key: str, message: Message) -> None:
        """A session, asked for it, says what it runs."""
        standing = self._standings.get(key)
        if standing:
            self._take(standing, message)
            self._start(self._looked(key, standing))

    async def close(self) -> None:
        """Forget everything."""
        await self._watch.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Evals come and go

    def fields(self, item: Eval) -> list[tuple[str, str]]:
        """What an eval's message to the gate says about source."""
        standing = self._standings.get(item.session)
        if standing is None:
            return []
        standing.begins()
        return [
            ("revise", self._sessions[item.session].reviser),
            ("known", standing.sources.revision),
            ("thorough", "1" if item.thorough else "0"),
        ]

    def heard(self, item: Eval, message: Message) -> None:
        """An eval's result has come, and nobody was answered yet."""
        standing = self._standings.get(item.session)
        if standing is None:
            return
        standing.began = item.began
        self._take(standing, message)
        if self._watch.blind:
            standing.touch()
        if standing.doubtful and not self._is_off(item.session):
            self._findings[item.id] = self._start(self._examined(item, standing))
            while len(self._findings) > REMEMBERED:
                self._findings.popitem(last=False)

    def _is_off(self, key: str) -> bool:
        return self._sessions[key].reviser == "off"

    def _take(self, standing: SourceStatus, message: Message) -> None:
        if standing.take(message):
            self._watch_all()

    async def finding(self, item: Eval) -> list[str]:
        """What must be said below the answer to an eval that has ended; mostly nothing."""
        said = []
        standing = self._standings.get(item.session)
        late = self._late.pop(item.session, ())
        if late and standing:
            names = older(late, standing.project)
            said.append(f"WARNING: answers before this one were computed with {names}.")
        # Its session may have ended since; what was found of the answer holds all the same.
        task = self._findings.get(item.id)
        if task:
            await asyncio.wait([task], timeout=PATIENCE)
            if task.done() and not task.cancelled() and task.exception() is None:
                said += task.result()
            else:
                said.append(
                    "WARNING: it could not be found out yet whether this answer was computed with "
                    "the newest source; ping tells later."
                )
        return said

    def doubtful(self, key: str) -> bool:
        """Whether a session may run other source than the disk has, as far as is known now."""
        standing = self._standings.get(key)
        return standing is not None and (standing.doubtful or standing.hopeless > 0)

    # Looking

    def _changed(self, paths: frozenset[str]) -> None:
        for key, standing in self._standings.items():
            # An eval that runs compares at its end.
            touched = standing.touch(paths or None)
            if touched and not self._sessions[key].busy and not self._is_off(key):
                self._start(self._looked(key, standing))

    async def _looked(self, key: str, standing: SourceStatus) -> None:
        """Compare between evals. What was missed then was missing in answers that were given."""
        differences, disk = await self._compared(standing)
        # An answer that is not given yet says it itself.
        session = self._sessions.get(key)
        if not differences.missed or standing.examined or session is None or session.busy:
            return
        self._bus.publish(SourceStale(key, tuple(sorted(differences.missed))))
        if standing.worth_a_try(differences.missed, disk):
            _log.warning("missed: %s", ", ".join(differences.missed), extra={"session": key})
            self._late[key] = tuple({*self._late.get(key, ()), *differences.missed})
            await self._tried_again(key)

    async def _examined(self, item: Eval, standing: SourceStatus) -> list[str]:
        standing.examined += 1
        try:
            return (await self._examine(item, standing)).lines(standing.project)
        finally:
            standing.examined -= 1

    async def _examine(self, item: Eval, standing: SourceStatus) -> Finding:
        key = item.session
        differences, disk = await self._compared(standing)
        missed = differences.missed
        if not missed:
            return Finding(differences.later)
        _log.warning("missed: %s", ", ".join(missed), extra={"session": key})
        self._bus.publish(SourceStale(key, tuple(sorted(missed))))
        if item.thorough or not (key in self._trying or standing.worth_a_try(missed, disk)):
            return Finding(differences.later, missed)
        await self._tried_again(key)
        again, _ = await self._compared(standing)
        left = {*again.missed, *again.later}
        return Finding(differences.later, missed, cured=left.isdisjoint(missed))

    async def _tried_again(self, key: str) -> None:
        """Have everything read again, once for all who want that at the same time."""
        if key not in self._trying:
            trying = self._start(self._read_again(key))
            self._trying[key] = trying
            trying.add_done_callback(lambda _: self._trying.pop(key))
        await asyncio.wait([self._trying[key]])

    async def _read_again(self, key: str) -> None:
        session = self._sessions.get(key)
        if session:
            await session.read_again()

    async def _compared(self, standing: SourceStatus) -> tuple[Differences, Mapping[str, OnDisk]]:
        question = standing.question()
        async with self._looking:
            disk = await asyncio.to_thread(self._disk.look, sorted(question.touched))
        return standing.answered(question, disk), disk

    async def now(self, key: str) -> SourceReport:
        """What is known of a session's source, after looking at all its files at this moment."""
        standing = self._standings.get(key)
        if standing is None:
            return SourceReport()
        if self._is_off(key):
            return SourceReport(tracked=OFF, off=True)
        standing.touch()
        differences, _ = await self._compared(standing)
        return SourceReport(
            tracked=standing.sources.told(),
            stale=stale_lines(standing.said, differences, standing.project),
            changed=tuple(shown(path, standing.project) for path in differences.later),
            remarks=standing.sources.remarks,
            hopeless=standing.hopeless + len(differences.missed),
        )

    # Watching

    def _watch_all(self) -> None:
        wanted: set[str] = set()
        for standing in self._standings.values():
            for package in standing.sources.packages:
                directories = {os.path.dirname(path) for path in package.files}  # noqa: PTH120
                wanted |= directories
                # One that is replaced is seen from above only.
                wanted |= {os.path.dirname(directory) for directory in directories}  # noqa: PTH120
        self._watch.set(wanted)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _log.error("comparing source failed", exc_info=task.exception())

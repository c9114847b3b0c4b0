"""Compares the source of every session with the disk when something has changed.

The gate takes up changes before each eval, and its result reports the text of each file that it has
then. That is compared with the disk whenever the watcher sees a change or the session runs new
source: at the end of an eval before it is answered, otherwise at once. An eval costs nothing if the
session's source is as before and none of its files was touched.
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
"""Number of findings kept for answers that are requested later."""

OFF: Final = "edited source is not taken up, as the preference revise is off"

PATIENCE: Final = 10.0
"""Seconds that an answer waits for its comparison, including a second try."""


class Tracked(Protocol):
    """A session whose source is compared with the disk."""

    @property
    def key(self) -> str:
        """The session's key."""

    @property
    def project(self) -> str:
        """The project directory."""

    @property
    def reviser(self) -> str:
        """The reviser that the project's preferences currently select."""

    @property
    def busy(self) -> bool:
        """Whether the session is evaluating."""

    async def read_again(self) -> None:
        """Have all files read again; failing to do so is not an error."""


class SourceCheck:
    """Tracks the source of every live session and whether it matches the disk.

    Args:
        bus: receives an event when a session misses a change.
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

    # Sessions

    def opened(self, session: Tracked) -> None:
        """Start tracking a new process image, of which nothing is known yet."""
        self._sessions[session.key] = session
        self._standings[session.key] = SourceStatus(session.project)
        self._late.pop(session.key, None)
        self._watch_all()

    def closed(self, key: str) -> None:
        """Stop tracking a process image that is gone."""
        self._late.pop(key, None)
        self._sessions.pop(key, None)
        if self._standings.pop(key, None):
            self._watch_all()

    def told(self, key: str, message: Message) -> None:
        """Handle a session's answer to the question which source it runs."""
        standing = self._standings.get(key)
        if standing:
            self._take(standing, message)
            self._start(self._looked(key, standing))

    async def close(self) -> None:
        """Stop watching and comparing."""
        await self._watch.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Evals

    def fields(self, item: Eval) -> list[tuple[str, str]]:
        """Return the source fields of an eval's message to the gate."""
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
        """Handle an eval's result before anybody is answered."""
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
        """Return the lines to show below the answer to an eval that has ended; usually none."""
        said = []
        standing = self._standings.get(item.session)
        late = self._late.pop(item.session, ())
        if late and standing:
            names = older(late, standing.project)
            said.append(f"WARNING: answers before this one were computed with {names}.")
        # Its session may have ended since, but what was found about the answer is still valid.
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
        """Return whether a session may run source other than the disk's, as far as known now."""
        standing = self._standings.get(key)
        return standing is not None and (standing.doubtful or standing.hopeless > 0)

    # Comparing

    def _changed(self, paths: frozenset[str]) -> None:
        for key, standing in self._standings.items():
            # A running eval is compared at its end.
            touched = standing.touch(paths or None)
            if touched and not self._sessions[key].busy and not self._is_off(key):
                self._start(self._looked(key, standing))

    async def _looked(self, key: str, standing: SourceStatus) -> None:
        """Compare between evals; what was missed affects answers that were given already."""
        differences, disk = await self._compared(standing)
        # An answer that is still to be given will mention it itself.
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
        """Have all files read again; concurrent callers share one attempt."""
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
        """Check all files of a session now and return a report about its source."""
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
                # A directory that is replaced is noticed only from its parent.
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

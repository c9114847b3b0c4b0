"""Starts, restarts, stops and adopts sessions.

Starts of one project join each other; everything else that changes a session happens under the
session's lock. The answer to each comes when it is proved.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kaimond import failpoints
from kaimond.errors import SessionError
from kaimond.evals.output_limit import OutputLimit
from kaimond.gate.gate_version import require_spoken, unspoken
from kaimond.interrupts.cancel import Cancelled, cancel
from kaimond.joined.joined_sessions import JoinedSessions
from kaimond.joined.joiner import Joiner
from kaimond.julia_process.live import LOOK_TIMEOUT
from kaimond.julia_process.process import ProcessGoneError, SessionProcess
from kaimond.registry.record import UNKNOWN
from kaimond.registry.state import USABLE, Event, State
from kaimond.sessions.end import end_process, quiet
from kaimond.sessions.live_sessions import LiveSessions, note_failure
from kaimond.sessions.restart import Restarter
from kaimond.sessions.start import Booter, not_gone
from kaimond.supervisor.idle import IdleWatch, LiveFacts
from kaimond.toolchain.start_plan import Planner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from kaimond.config.projects import ProjectEntry
    from kaimond.config.settings import Settings
    from kaimond.evals.eval import Eval
    from kaimond.paths import Paths
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry
    from kaimond.sessions.restart import Restarted
    from kaimond.store.database import Store

_log = logging.getLogger("kaimond.sessions")


class Supervisor:
    """The operations on sessions.

    Args:
        paths: where things live.
        settings: of the daemon.
        registry: of sessions.
        store: for the evals.
        environ: that sessions' environments are chosen from.
    """

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        registry: Registry,
        store: Store,
        environ: Mapping[str, str],
    ) -> None:
        self.registry = registry
        self.sessions = LiveSessions(paths, registry, store, settings.eval)
        self.book = self.sessions.book
        limit = OutputLimit(paths.spool, settings.eval, self.book, self.cancel, self.sessions.watch)
        self.sessions.on_busy = limit.begun
        self._planner = Planner(paths, settings, environ)
        self._booter = Booter(paths, settings.session, registry, self.sessions)
        self._rung = settings.session.stop_timeout
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._restarter = Restarter(
            settings.session, registry, self.sessions, self._planner, self._booter, self._locks
        )
        self._joined = JoinedSessions(
            settings.session, registry, self.sessions, self._booter, self._locks
        )
        self._joiner = Joiner(paths, registry, self.sessions, self._joined, self._restarter)
        self._starting: dict[tuple[str, str], asyncio.Task[Record]] = {}
        self._ending = False
        facts = LiveFacts(paths.projects_file, registry, self.sessions)
        self.idle = IdleWatch(facts, self._stop_if, self.sessions.watch)

    # Start

    async def start(self, path: str, name: str, spawned_by: str) -> tuple[Record, bool]:
        """The session of a project: the living one, or a new one.

        Callers that ask at the same time share one start, and a caller that goes away does not
        end it for the others.

        Args:
            path: of the project.
            name: "" for the project's usual session, else another one beside it.
            spawned_by: ``agent`` or ``ctl``.

        Returns:
            The record, and whether this call (or one that it joined) started it.

        Raises:
            SessionError: there is no session now; the message says why.
        """
        entry = self._planner.project(path)
        project = str(entry.path)
        while True:
            self._require_not_ending()
            starting = self._starting.get((project, name))
            if starting:
                return await asyncio.shield(starting), True
            found = self.registry.alive_for(project, name)
            if found:
                found = await self._looked_at(found.key)
            if found is None or not found.alive:
                self._begin(entry, name, spawned_by)
            elif found.state in USABLE:
                require_spoken(found)
                return found, False
            else:
                await self.settled(found.key)

    async def _looked_at(self, key: str) -> Record | None:
        """A session's record after a look at its health; a process that is dying may end in it."""
        live = self.sessions.get(key)
        if live and self.sessions.verified(key):
            await live.look(LOOK_TIMEOUT)
        return self.sessions.verified(key)

    def _begin(self, entry: ProjectEntry, name: str, spawned_by: str) -> None:
        project = str(entry.path)
        self._join_starts(project, name, self._start_new(entry, name, spawned_by))

    def _join_starts(self, project: str, name: str, start: Coroutine[Any, Any, Record]) -> None:
        """Run a start that later callers find and join."""
        task = asyncio.create_task(start, name=f"start {project}")
        self._starting[project, name] = task
        task.add_done_callback(lambda _: self._starting.pop((project, name)))
        task.add_done_callback(note_failure)

    async def _start_new(self, entry: ProjectEntry, name: str, spawned_by: str) -> Record:
        plan = await self._planner.plan(entry)
        # The end may have been asked for meanwhile, and did not know of this session.
        self._require_not_ending()
        record = self.registry.create(str(entry.path), name, spawned_by, plan.julia.path)
        booted = await self._booter.boot(record.key, plan)
        self.idle.look()
        return booted

    def _require_not_ending(self) -> None:
        if self._ending:
            raise SessionError("ending", "kaimond is ending, so no session was started.")

    async def settled(self, key: str) -> None:
        """Wait until a start, a restart or a stop of this session is through.

        Raises:
            SessionError: it is through and yet the session is neither usable nor gone.
        """
        record = self.registry.get(key)
        starting = self._starting.get((record.project, record.name)) if record else None
        if starting and record and record.alive:
            # A restart that an earlier daemon began goes on as a start, which has no lock.
            await asyncio.wait([starting])
        async with self._locks[key]:
            record = self.sessions.verified(key)
        if record and record.alive and record.state not in USABLE:
            if record.joined:
                raise SessionError(
                    "not-ready",
                    f"This project's session {key} is {record.state}. A person started it, so it "
                    "is waited for and left alone. No session was started; another name gives "
                    "another session.",
                )
            raise SessionError(
                "not-gone",
                f"This project's session {key} is {record.state} with process {record.pid}, which "
                "does not go away. No session was started. Look at that process.",
            )

    async def precompile(self) -> None:
        """Compile the gate for the Julia of projects that name none, if need be.

        A daemon often starts some seconds before the first session does.
        """
        try:
            cache, environment = await self._planner.usual_cache()
        except SessionError:
            # It is told to whoever wants a session.
            return
        if cache and not cache.path.is_dir():
            await self._booter.caches.make_missed(cache, environment)

    # Restart and stop

    async def restart(self, key: str, reason: str) -> Restarted:
        """Replace a session's process image by a new one under the same key.

        Args:
            key: of the session.
            reason: a clause for the log and for the evals that it ends.

        Raises:
            SessionError: it was not restarted; the message says what is true now.
        """
        record = self.registry.get(key)
        joined = record is not None and record.joined
        way = self._joined.restart if joined else self._restarter.restart
        # Half a restart would leave the session without an image that anybody waits for.
        return await self.sessions.to_its_end(way(key, reason))

    async def cancel(self, item: Eval, reason: str) -> Cancelled:
        """Keep an eval from beginning, or interrupt it by the safe ladder.

        Args:
            item: an eval of any session, in any state.
            reason: a clause that begins with "it", for whoever waits for the eval.
        """
        live = self.sessions.get(item.session)
        # Given up between a SIGINT and its delivery, it would let the signal come late.
        came, broke_c = await self.sessions.to_its_end(cancel(self.book, live, item, reason))
        record = self.sessions.verified(item.session)
        if record and record.alive and broke_c:
            self.registry.note(item.session, tainted=True)
            _log.warning("tainted: eval %s was interrupted by force", item.id)
        return came

    async def stop(self, key: str, reason: str) -> Record:
        """End a session for good; returns when its process is gone.

        Args:
            key: of the session.
            reason: a clause that begins with "it", for the record.

        Raises:
            SessionError: the process does not go away.
        """
        return await self.sessions.to_its_end(self._stop_in_turn(key, reason))

    async def _stop_in_turn(self, key: str, reason: str) -> Record:
        record = self.registry.get(key)
        assert record is not None, "callers choose among sessions that are known"
        if record.state is State.STARTING:
            # Whoever boots it may hold the lock until its deadline, and must be stoppable.
            return await self._stop(key, reason)
        async with self._locks[key]:
            return await self._stop(key, reason)

    async def _stop(self, key: str, reason: str) -> Record:
        record = self.sessions.verified(key)
        assert record is not None
        if not record.alive:
            return record
        self.sessions.will_end(key, reason)
        if record.state is not State.STOPPING:
            self.registry.apply(key, Event.STOP, reason)
        live = self.sessions.get(key)
        if live is None:
            self.sessions.never_ran(key, reason)
        elif record.joined:
            await self._joined.stop(record, live, reason, self._rung)
        else:
            free = await quiet(key, live, self.book, reason)
            failpoints.passing("stop.before-end")
            if not await end_process(key, live, self._rung, ask=free):
                raise not_gone(key, live, "was asked to stop")
            failpoints.passing("stop.after-end")
        final = self.sessions.verified(key)
        assert final is not None
        return final

    async def _stop_if(self, key: str, reason: str, still: Callable[[], bool]) -> None:
        """End a session, unless there is no more reason when its turn comes."""
        async with self._locks[key]:
            if still():
                await self._stop(key, reason)

    async def stop_all(self, reason: str) -> list[str]:
        """End every session that kaimond started, and start no more.

        A REPL that a person started goes on, and joins the next daemon.

        Returns:
            What could not be ended, in sentences.
        """
        self._ending = True
        keys = [record.key for record in self.registry.alive() if not record.joined]
        results = await asyncio.gather(
            *(self.stop(key, reason) for key in keys), return_exceptions=True
        )
        failures = []
        for key, result in zip(keys, results, strict=True):
            if isinstance(result, BaseException):
                _log.error("could not be ended: %s", result, extra={"session": key})
                failures.append(str(result) or f"Session {key} could not be ended.")
        return failures

    async def close(self) -> None:
        """Let go of everything; processes that still run go on."""
        self.idle.close()
        await self._joiner.close()
        starts = list(self._starting.values())
        for task in starts:
            task.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        try:
            self.registry.catch_up()
        except (OSError, sqlite3.Error) as error:
            _log.error("not written down at the end: %s", error)
        await self.sessions.close()

    # Adoption

    def adopt_all(self) -> None:
        """Take up the sessions that outlived the previous daemon; close those that did not.

        A session that was between two states is brought to the end of what was begun, so that
        whoever asked for it, and asks again now, finds it done.
        """
        for record in self.registry.alive():
            failpoints.passing("adopt.before")
            self._adopt(record)
            failpoints.passing("adopt.after")
        self.sessions.remains.sweep()
        self.sessions.chore(self.sessions.remains.end_strays())
        self._joiner.begin()
        self.idle.look()

    def _adopt(self, record: Record) -> None:
        key = record.key
        try:
            process = SessionProcess.adopt(record.pid, record.process_start)
        except ProcessGoneError as gone:
            restarting = record.state is State.RESTARTING or record.respawning
            if restarting and not record.joined:
                self.sessions.watch(self._restarter.finish(record, None))
            else:
                asked = "as was asked, " if record.state is State.STOPPING else ""
                ended = "ended" if gone.status == UNKNOWN else str(gone.status)
                self.sessions.never_ran(
                    key, f"{asked}its process {ended} while no daemon was running", gone.status
                )
                self.sessions.chore(self.sessions.remains.bury(key))
            return
        live = self.sessions.take_charge(key, process)
        _log.info("adopted process %d, %s", process.pid, record.state, extra={"session": key})
        match record.state:
            case State.STARTING | State.RESTARTING if record.joined:
                self._joined.adopted(record, live)
            case State.STARTING:
                answer = self._booter.await_answer(record, live)
                self._join_starts(record.project, record.name, answer)
            case State.RESTARTING:
                self.sessions.watch(self._restarter.finish(record, live))
            case State.STOPPING:
                self.sessions.watch(self._finish_stop(key))
            case _ if unspoken(record.protocol, record.gate):
                self.sessions.set_aside(key)
            case _:
                self.sessions.adopted(key, record.boot_id)
                self.sessions.watch(self._restarter.confirm(record, live))

    async def _finish_stop(self, key: str) -> None:
        await self.stop(key, "it was being shut down when the previous daemon ended")

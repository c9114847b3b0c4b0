"""Starts, finds and adopts sessions; operations on one session are in `kaimond.sessions`.

Concurrent starts of one project share one start; everything else that changes a session happens
under the session's lock. Each operation returns only once its result is proved.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

import zmq.asyncio

from kaimond import failpoints
from kaimond.config.current_projects import CurrentProjects
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.history import History
from kaimond.evals.output_limit import OutputLimit
from kaimond.evals.output_watch import OutputWatch
from kaimond.events import EvalBegan, EvalEnded
from kaimond.gate.gate_version import require_spoken, unspoken
from kaimond.interrupts.cancel import Cancelled
from kaimond.joined.joined_session import JoinedSession
from kaimond.joined.joiner import Joiner
from kaimond.julia_process.process import ProcessGoneError, SessionProcess
from kaimond.registry.record import UNKNOWN
from kaimond.registry.state import USABLE, State
from kaimond.sessions import cleanup, session_log
from kaimond.sessions.managed_session import ManagedSession
from kaimond.sessions.services import BackgroundTasks, Services, log_failure
from kaimond.sessions.sessions import Sessions
from kaimond.source.source_check import SourceCheck
from kaimond.supervisor.idle import IdleWatch, LiveFacts
from kaimond.toolchain.gate_cache import GateCaches
from kaimond.toolchain.start_plan import Planner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from kaimond.config.projects import ProjectEntry
    from kaimond.config.settings import Settings
    from kaimond.evals.eval import Eval
    from kaimond.events import Bus
    from kaimond.paths import Paths
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry
    from kaimond.sessions.session import Session
    from kaimond.store.database import Store

_log = logging.getLogger("kaimond.sessions")


class Supervisor:
    """The operations on all sessions.

    Args:
        paths: the daemon's paths.
        settings: the daemon's settings.
        registry: the records of all sessions.
        store: stores the evals.
        environ: the environment from which sessions' environments are made.
        bus: the event bus.

    Attributes:
        registry: the records of all sessions, alive or not.
        sessions: the sessions that have not ended.
        history: all evals.
        source: compares sessions' source with the disk.
        projects: the allowed projects and their preferences, as they are now.
        planner: finds allowed projects, and decides how their Julia is started.
        tasks: the background tasks.
        idle: ends idle sessions.
    """

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        registry: Registry,
        store: Store,
        environ: Mapping[str, str],
        bus: Bus,
    ) -> None:
        self.registry = registry
        self.history = History(store, bus, settings.eval)
        self.source = SourceCheck(bus)
        self.projects = CurrentProjects(paths.projects_file)
        self.tasks = BackgroundTasks()
        self._paths = paths
        self.planner = Planner(paths, settings, environ)
        self._services = Services(
            paths=paths,
            settings=settings.session,
            registry=registry,
            history=self.history,
            source=self.source,
            projects=self.projects,
            planner=self.planner,
            caches=GateCaches(),
            bus=bus,
            tasks=self.tasks,
            context=zmq.asyncio.Context(),
        )
        self.sessions = Sessions(self._services)
        self._joiner = Joiner(self.sessions)
        self._starting: dict[tuple[str, str], asyncio.Task[Record]] = {}
        self._ending = False
        facts = LiveFacts(self.projects, registry, self.sessions)
        self.idle = IdleWatch(facts, self._stop_idle, self.tasks.watch)
        self._limit = OutputLimit(
            paths.spool, settings.eval, self.history, self.cancel, self.tasks.watch
        )
        bus.subscribe(EvalBegan, lambda _: self._limit.begun())
        OutputWatch(paths.spool, self.history, bus, self.tasks.watch)
        bus.subscribe(EvalEnded, partial(session_log.add_output, paths))

    # Start

    async def start(self, path: str, name: str, spawned_by: str) -> tuple[Record, bool]:
        """Return the live session of a project, or start one.

        Concurrent callers share one start, and cancelling one caller does not cancel it for the
        others.

        Args:
            path: the project's path, or one within it.
            name: "" for the project's usual session, otherwise that of an additional one.
            spawned_by: ``agent`` or ``ctl``.

        Returns:
            The record, and whether this call (or one that shared its start) started the session.

        Raises:
            SessionError: there is no usable session; the message says why.
        """
        entry = self.planner.project_at(path)
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
                self._share_start(project, name, self._start_new(entry, name, spawned_by))
            elif found.state in USABLE:
                require_spoken(found)
                return found, False
            else:
                await self.settled(found.key)

    async def _looked_at(self, key: str) -> Record | None:
        """Return a session's record after a health check, which may find its process gone."""
        session = self.sessions.get(key)
        if session and session.verify().alive:
            await session.look()
        return self.sessions.verify(key)

    def _share_start(self, project: str, name: str, start: Coroutine[Any, Any, Record]) -> None:
        """Run a start that later callers share."""
        task = asyncio.create_task(start, name=f"start {project}")
        self._starting[project, name] = task
        task.add_done_callback(lambda _: self._starting.pop((project, name)))
        task.add_done_callback(log_failure)

    async def _start_new(self, entry: ProjectEntry, name: str, spawned_by: str) -> Record:
        plan = await self.planner.plan(entry)
        # The daemon may have begun to end in the meantime, without knowing of this session.
        self._require_not_ending()
        record = self.registry.create(str(entry.path), name, spawned_by, plan.julia.path)
        session = ManagedSession(record.key, self._services)
        self.sessions.add(session)
        started = await session.start(plan)
        self.idle.look()
        return started

    def _require_not_ending(self) -> None:
        if self._ending:
            raise SessionError(ErrorKind.ENDING, "kaimond is ending, so no session was started.")

    async def settled(self, key: str) -> None:
        """Wait until a running start, restart or stop of this session is over.

        Raises:
            SessionError: it is over, but the session is neither usable nor gone.
        """
        record = self.registry.get(key)
        starting = self._starting.get((record.project, record.name)) if record else None
        if starting and record and record.alive:
            # A restart begun by an earlier daemon continues as a start, which takes no lock.
            await asyncio.wait([starting])
        session = self.sessions.get(key)
        if session is None:
            return
        async with session.lock:
            record = session.verify()
        if not record.alive or record.state in USABLE:
            return
        if record.joined:
            raise SessionError(
                ErrorKind.NOT_READY,
                f"This project's session {key} is {record.state}. A person started it, so it is "
                "waited for and left alone. No session was started; another name gives another "
                "session.",
            )
        raise SessionError(
            ErrorKind.NOT_GONE,
            f"This project's session {key} is {record.state} with process {record.pid}, which does "
            "not go away. No session was started. Look at that process.",
        )

    async def precompile(self) -> None:
        """Compile the gate for the default Julia if needed.

        A daemon often starts a few seconds before its first session.
        """
        try:
            cache, environment = await self.planner.usual_cache()
        except SessionError:
            # Whoever starts a session gets this error.
            return
        if cache and not cache.path.is_dir():
            await self._services.caches.make_missed(cache, environment)

    # Evals

    async def cancel(self, item: Eval, reason: str) -> Cancelled:
        """Withdraw or interrupt an eval of any session (see `Session.cancel`)."""
        session = self.sessions.get(item.session)
        return await session.cancel(item, reason) if session else Cancelled.ENDED

    # End

    async def stop(self, key: str, reason: str) -> Record:
        """End a session for good (see `Session.stop`); if it has ended, just return its record."""
        session = self.sessions.get(key)
        if session:
            return await session.stop(reason)
        record = self.registry.get(key)
        assert record is not None, "callers choose among sessions that are known"
        return record

    async def _stop_idle(self, key: str, reason: str, still: Callable[[], bool]) -> None:
        session = self.sessions.get(key)
        if session:
            await session.stop_if(reason, still)

    async def stop_all(self, reason: str) -> list[str]:
        """End every session that kaimond started, and refuse new ones.

        A REPL that a person started keeps running and joins the next daemon.

        Returns:
            A sentence for each session that could not be ended.
        """
        self._ending = True
        ended = [session for session in self.sessions if isinstance(session, ManagedSession)]
        results = await asyncio.gather(
            *(session.stop(reason) for session in ended), return_exceptions=True
        )
        failures = []
        for session, result in zip(ended, results, strict=True):
            if isinstance(result, BaseException):
                _log.error("could not be ended: %s", result, extra={"session": session.key})
                failures.append(str(result) or f"Session {session.key} could not be ended.")
        return failures

    async def close_terminals(self, text: str, *, again: bool, timeout: float) -> None:
        """Close all terminals with a message, within ``timeout`` seconds; the daemon is ending."""
        await asyncio.gather(
            *(
                session.terminals.close_all(text, again=again, timeout=timeout)
                for session in self.sessions
            )
        )

    async def close(self) -> None:
        """Release everything; session processes keep running."""
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
        await self.source.close()
        await self.tasks.close()
        await self.sessions.close()
        self._services.context.destroy(linger=0)

    def tidy(self) -> None:
        """Limit the size of the sessions' logs, and remove those of unknown sessions."""
        self.sessions.tidy()
        session_log.forget(self._paths.session_logs, self.registry.get)

    # Adoption

    def adopt_all(self) -> None:
        """Adopt the sessions that outlived the previous daemon, and close those that did not.

        A restart or stop that the previous daemon began is finished, so that a client that repeats
        its request finds it done.
        """
        for record in self.registry.alive():
            failpoints.passing("adopt.before")
            kind = JoinedSession if record.joined else ManagedSession
            session = kind(record.key, self._services)
            self.sessions.add(session)
            self._adopt(session, record)
            failpoints.passing("adopt.after")
        evaluating = [session.key for session in self.sessions if session.evaluates]
        cleanup.sweep(self._paths, self.history, self.registry, evaluating)
        self.tasks.chore(cleanup.end_strays(self.registry))
        self._joiner.begin()
        self._limit.begun()
        self.idle.look()

    def _adopt(self, session: Session, record: Record) -> None:
        try:
            process = SessionProcess.adopt(record.pid, record.process_start)
        except ProcessGoneError as gone:
            self._adopt_without_process(session, record, gone)
            return
        live = session.take_charge(process)
        _log.info(
            "adopted process %d, %s", process.pid, record.state, extra={"session": record.key}
        )
        if record.state in USABLE:
            if unspoken(record.protocol, record.gate):
                session.set_aside()
                return
            session.adopted(record.boot_id)
            self.tasks.watch(session.confirm())
        elif record.state is State.STOPPING:
            self.tasks.watch(self._finish_stop(session))
        elif isinstance(session, JoinedSession):
            restarting = record.state is State.RESTARTING
            self.tasks.watch(session.await_image() if restarting else session.await_answer())
        elif isinstance(session, ManagedSession) and record.state is State.STARTING:
            start = session.await_answer(record, live)
            self._share_start(record.project, record.name, start)
        elif isinstance(session, ManagedSession):
            self.tasks.watch(session.finish_restart())

    def _adopt_without_process(
        self, session: Session, record: Record, gone: ProcessGoneError
    ) -> None:
        restarting = record.state is State.RESTARTING or record.respawning
        if restarting and isinstance(session, ManagedSession):
            self.tasks.watch(session.finish_restart())
            return
        asked = "as was asked, " if record.state is State.STOPPING else ""
        ended = "ended" if gone.status == UNKNOWN else str(gone.status)
        session.never_ran(f"{asked}its process {ended} while no daemon was running", gone.status)
        self.tasks.chore(cleanup.clear_unknown(self._paths, self.history, record))

    async def _finish_stop(self, session: Session) -> None:
        await session.stop("it was being shut down when the previous daemon ended")

"""Owns all Julia processes and moves their sessions through the registry.

Whatever changes a session goes through here: starts of one project join each other, everything else
happens under the session's lock, and the end of a process is taken in the moment it is noticed,
whoever notices it first: the kernel's event, or somebody who asks.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import zmq.asyncio

from kaimond.evals.book import EvalBook
from kaimond.evals.spool import Spool
from kaimond.gate.frames import PROTOCOLS, Message
from kaimond.gate.link import GateSilentError, Link
from kaimond.registry.state import USABLE, Event, State
from kaimond.supervisor import session_log
from kaimond.supervisor.ending import MARK, end_leftovers, end_process
from kaimond.supervisor.errors import SessionError
from kaimond.supervisor.live import Live
from kaimond.supervisor.plan import Planner
from kaimond.supervisor.process import ProcessGoneError, SessionProcess

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from kaimond.config.projects import ProjectEntry
    from kaimond.config.settings import Settings
    from kaimond.evals.eval import Eval
    from kaimond.paths import Paths
    from kaimond.registry.record import ExitStatus, Record
    from kaimond.registry.registry import Registry
    from kaimond.registry.store import Store
    from kaimond.supervisor.plan import Plan

_log = logging.getLogger("kaimond.supervisor")

LAST_LINES: Final = 20
"""Lines of output that are kept of an ended session and shown in errors."""


class Supervisor:
    """All sessions' processes.

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
        self.planner = Planner(paths, settings, environ)
        self.book = EvalBook(store, self._busy, self._idle, self._eval_finished)
        self._paths = paths
        self._deadlines = settings.session
        self._context = zmq.asyncio.Context()
        self._live: dict[str, Live] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._starting: dict[tuple[str, str], asyncio.Task[Record]] = {}
        self._reasons: dict[str, str] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._ending = False

    # What others may look at

    def live(self, key: str) -> Live | None:
        """The process of a session, if it has one now."""
        return self._live.get(key)

    def verified(self, key: str) -> Record | None:
        """The session's record, after making sure that its process exists at this moment."""
        live = self._live.get(key)
        if live and not live.process.running:
            self._exited(key, live)
        return self.registry.get(key)

    def all_verified(self) -> list[Record]:
        """Every session that has not ended, each process checked at this moment."""
        for key in list(self._live):
            self.verified(key)
        return self.registry.alive()

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
        entry = self.planner.project(path)
        project = str(entry.path)
        while True:
            if self._ending:
                raise SessionError("ending", "kaimond is ending, so no session was started.")
            starting = self._starting.get((project, name))
            if starting:
                return await asyncio.shield(starting), True
            found = self.registry.alive_for(project, name)
            if found and found.state in USABLE and self.verified(found.key) is not None:
                found = self.registry.alive_for(project, name)
            if found is None:
                task = asyncio.create_task(
                    self._start_new(entry, name, spawned_by), name=f"start {project}"
                )
                self._starting[project, name] = task
                task.add_done_callback(lambda _: self._starting.pop((project, name), None))
                task.add_done_callback(_retrieve)
                continue
            if found.state in USABLE:
                return found, False
            # Somebody restarts or stops it: see what is left when they are done.
            await self._settled(found.key)

    async def _settled(self, key: str) -> None:
        async with self._locks[key]:
            pass
        record = self.registry.get(key)
        if record and record.state is State.STOPPING:
            raise SessionError(
                "not-gone",
                f"Session {key} of this project was asked to stop, but its process {record.pid} "
                "does not go away, even when killed. No session was started. Look at that process.",
            )

    async def _start_new(self, entry: ProjectEntry, name: str, spawned_by: str) -> Record:
        plan = await self.planner.plan(entry)
        record = self.registry.create(str(entry.path), name, spawned_by, plan.julia.path)
        return await self._boot(record.key, plan, generation=1)

    async def _boot(self, key: str, plan: Plan, generation: int) -> Record:
        """Spawn a process for a ``starting`` session and wait until its gate proves itself."""
        record = self.registry.note(
            key, nonce=secrets.token_hex(8), boot_id="", julia=plan.julia.path
        )
        try:
            live = self._spawn(record, plan)
        except OSError as error:
            self._never_ran(key, f"Julia could not be started: {error}")
            raise SessionError(
                "start-failed",
                f"{plan.julia.path} could not be started: {error.strerror or error}. "
                f"There is no session {key} now.",
            ) from None
        deadline = self._deadlines.start_timeout
        asking = asyncio.create_task(live.link.request("ping", timeout=deadline))
        either: list[asyncio.Future[Any]] = [asking, live.process.exited]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
        try:
            pong = await asking
        except asyncio.CancelledError:
            raise self._did_not_start(key, live) from None
        except GateSilentError:
            self._reasons[key] = f"no gate answered within {deadline:g} s of its start"
            await end_process(key, live, self._deadlines.stop_timeout)
            raise self._did_not_start(key, live) from None
        return await self._answered(key, live, pong, generation)

    def _spawn(self, record: Record, plan: Plan) -> Live:
        key = record.key
        endpoint, log = self._paths.session_socket(key), self._paths.session_log(key)
        endpoint.unlink(missing_ok=True)
        session_log.rotate(log)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        session_log.append(log, f"--- {stamp} starting Julia {plan.julia.version}\n".encode())
        environment = {
            **plan.environment,
            MARK: key,
            "KAIMON_NONCE": record.nonce,
            "KAIMON_ENDPOINT": str(endpoint),
            "KAIMON_LOG": str(log),
        }
        if plan.instantiate:
            environment["KAIMON_INSTANTIATE"] = "1"
        process = SessionProcess.spawn(plan.command(), cwd=plan.project, env=environment, log=log)
        self.registry.note(
            key, pid=process.pid, process_start=process.start, started=time.time(), ready=0.0
        )
        _log.info("spawned process %d", process.pid, extra={"session": key})
        return self._take_charge(key, process)

    def _take_charge(self, key: str, process: SessionProcess) -> Live:
        link = Link(
            self._context,
            key,
            self._paths.session_socket(key),
            on_message=lambda message: self.book.heard(key, message),
            on_up=lambda: self.book.transport_up(key),
        )
        live = Live(process, link)
        self._live[key] = live
        process.exited.add_done_callback(lambda _: self._exited(key, live))
        return live

    async def _answered(self, key: str, live: Live, pong: Message, generation: int) -> Record:
        record = self.registry.get(key)
        assert record is not None
        if record.state is not State.STARTING:
            raise self._did_not_start(key, live)
        protocol = int(pong.number("protocol"))
        if pong.get("nonce") != record.nonce or protocol not in PROTOCOLS:
            self._reasons[key] = (
                f"its gate speaks protocol {pong.get('protocol')} with nonce {pong.get('nonce')}; "
                f"expected was {PROTOCOLS[-1]} with {record.nonce}"
            )
            await end_process(key, live, self._deadlines.stop_timeout)
            raise self._did_not_start(key, live)
        live.pong = pong
        record = self.registry.apply(
            key,
            Event.ANSWERED,
            f"gate of process {live.process.pid} answered, generation {generation}",
            generation=generation,
            boot_id=pong.get("boot"),
            julia_version=pong.get("julia"),
            ready=time.time(),
        )
        self.book.opened(key, live.link, Spool(self._paths.session_spool(key)), record.boot_id)
        return record

    def _did_not_start(self, key: str, live: Live) -> SessionError:
        record = self.verified(key)
        assert record is not None
        if record.state is State.STOPPING or record.state is State.STOPPED:
            return SessionError(
                "start-ended", f"Session {key} was shut down while it started. It does not exist."
            )
        if record.alive:
            return SessionError(
                "start-failed",
                f"Session {key} did not start, and its process {live.process.pid} does not go away "
                "even when killed. Look at that process.",
            )
        last = record.last_output or "(nothing)"
        return SessionError(
            "start-failed",
            f"The session did not start: {record.ending} There is no session {key} now.\n"
            f"The last lines of its output:\n{last}\n"
            f"All of it: {self._paths.session_log(key)}",
        )

    # Restart and stop

    async def restart(self, key: str, reason: str) -> Record:
        """Replace a session's process by a new one under the same key.

        The plan is made before anything is given up, so a broken configuration costs nothing.

        Raises:
            SessionError: it was not restarted; the message says what is true now.
        """
        async with self._locks[key]:
            record = self.verified(key)
            live = self._live.get(key)
            if record is None or live is None or record.state not in USABLE:
                state = record.state if record else "unknown"
                raise SessionError(
                    "restart-failed", f"Session {key} is {state}; it was not restarted."
                )
            try:
                plan = await self.planner.plan(self.planner.project(record.project))
            except SessionError as error:
                raise SessionError(
                    error.kind,
                    f"Session {key} was not restarted and is as it was. {error.message}",
                ) from None
            self.registry.apply(key, Event.RESTART, reason)
            self.book.interrupted(key, reason)
            if not await end_process(key, live, self._deadlines.stop_timeout):
                raise SessionError(
                    "restart-failed",
                    f"Session {key} was not restarted: its process {live.process.pid} does not go "
                    "away even when killed. Look at that process.",
                )
            self.registry.apply(key, Event.SPAWNED, "the old process is gone")
            return await self._boot(key, plan, generation=record.generation + 1)

    async def stop(self, key: str, reason: str) -> Record:
        """End a session for good; returns when its process is gone.

        Raises:
            SessionError: the process does not go away.
        """
        starting = self.registry.get(key)
        if starting and starting.state is State.STARTING:
            # A start has no lock to wait for, and a start that hangs must be stoppable.
            return await self._stop(key, reason)
        async with self._locks[key]:
            return await self._stop(key, reason)

    async def _stop(self, key: str, reason: str) -> Record:
        record = self.verified(key)
        assert record is not None
        if not record.alive:
            return record
        live = self._live.get(key)
        if record.state is not State.STOPPING:
            self._reasons[key] = reason
            self.registry.apply(key, Event.STOP, reason)
        self.book.interrupted(key, reason)
        if live and not await end_process(key, live, self._deadlines.stop_timeout):
            raise SessionError(
                "not-gone",
                f"Session {key} was asked to stop, but its process {live.process.pid} does not go "
                "away even when killed. Look at that process.",
            )
        if live is None:
            self._never_ran(key, reason)
        final = self.verified(key)
        assert final is not None
        return final

    async def stop_all(self, reason: str) -> None:
        """End every session, and start no more."""
        self._ending = True
        keys = [record.key for record in self.registry.alive()]
        results = await asyncio.gather(
            *(self.stop(key, reason) for key in keys), return_exceptions=True
        )
        for key, result in zip(keys, results, strict=True):
            if isinstance(result, BaseException):
                _log.error("could not be ended: %s", result, extra={"session": key})

    def tidy(self) -> None:
        """Keep the logs of living sessions small; called from time to time."""
        for key in self._live:
            session_log.rotate(self._paths.session_log(key))

    async def close(self) -> None:
        """Let go of everything; processes that still run go on."""
        for task in [*self._starting.values(), *self._chores]:
            task.cancel()
        await asyncio.gather(*self._starting.values(), *self._chores, return_exceptions=True)
        for live in self._live.values():
            live.process.release()
            await live.link.close()
        self._live.clear()
        self._context.destroy(linger=0)

    # Adoption

    async def adopt_all(self) -> None:
        """Take up the sessions that outlived the previous daemon; close those that did not."""
        for record in self.registry.alive():
            try:
                process = SessionProcess.adopt(record.pid, record.process_start)
            except ProcessGoneError:
                self._never_ran(record.key, "the process ended while no daemon was running")
                self._chore(end_leftovers(record.key))
                continue
            self._adopt(record, process)

    def _adopt(self, record: Record, process: SessionProcess) -> None:
        key = record.key
        live = self._take_charge(key, process)
        _log.info("adopted process %d", process.pid, extra={"session": key})
        if record.state in USABLE:
            spool = Spool(self._paths.session_spool(key))
            self.book.adopted(key, live.link, spool, record.boot_id)
        else:
            # It was between two states: nobody was promised that it lives, so end it in order.
            self._chore(self._end_adopted(key))

    async def _end_adopted(self, key: str) -> None:
        await self.stop(key, "the previous daemon ended while it was starting or stopping")

    # Events

    def _exited(self, key: str, live: Live) -> None:
        """A process is proved to be gone. Called by whoever notices, so maybe more than once."""
        if self._live.get(key) is not live:
            return
        del self._live[key]
        status: ExitStatus = live.process.exited.result()
        self._chore(live.link.close())
        self._paths.session_socket(key).unlink(missing_ok=True)
        record = self.registry.get(key)
        assert record is not None
        if record.state is State.RESTARTING:
            self.book.interrupted(key, "the session was restarted")
            return
        asked = self._reasons.pop(key, "")
        how = f"process {record.pid} {status}"
        self.registry.apply(
            key,
            Event.EXITED,
            how,
            ended=time.time(),
            ending=f"{_sentence(asked)} The {how}." if asked else f"Its {how}, unasked.",
            exit_code=status.code,
            exit_signal=status.signal,
            last_output=session_log.tail(self._paths.session_log(key), LAST_LINES),
        )
        self.book.closed(key, f"the session's process {record.pid} {status}")
        Spool(self._paths.session_spool(key)).remove()
        if not asked:
            # On the way down that somebody asked for, whoever waits for it does this.
            self._chore(end_leftovers(key))

    def _never_ran(self, key: str, reason: str) -> None:
        """End a session that has no process."""
        self.registry.apply(
            key,
            Event.EXITED,
            reason,
            ended=time.time(),
            ending=_sentence(reason),
            last_output=session_log.tail(self._paths.session_log(key), LAST_LINES),
        )
        self.book.abandoned(key, reason)
        self._paths.session_socket(key).unlink(missing_ok=True)
        Spool(self._paths.session_spool(key)).remove()

    def _busy(self, key: str) -> None:
        live = self._live.get(key)
        record = self.registry.get(key)
        if live and record:
            live.busy_since = time.monotonic()
            if record.state is State.READY:
                self.registry.apply(key, Event.EVAL_BEGAN, "an eval began")

    def _idle(self, key: str) -> None:
        live = self._live.get(key)
        record = self.registry.get(key)
        if live and record:
            live.busy_since = None
            if record.state is State.BUSY:
                self.registry.apply(key, Event.EVALS_ENDED, "no more evals")

    def _eval_finished(self, item: Eval) -> None:
        log = self._paths.session_log(item.session)
        session_log.rotate(log)
        outcome = item.outcome
        if outcome is None or not outcome.output:
            return
        printed = Spool(self._paths.session_spool(item.session)).read(
            item.id, outcome.output, LOGGED, LOGGED
        )
        gap = f"\n[... {printed.omitted} bytes ...]\n".encode() if printed.omitted else b""
        head = f"--- eval {item.id} of agent {item.agent}\n".encode()
        session_log.append(log, head + printed.head + gap + printed.tail + b"\n---\n")

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        task.add_done_callback(_retrieve)


LOGGED: Final = 2**16
"""Bytes of each end of an eval's output that go to the session's log."""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at a task's failure, so that asyncio does not report it as unseen."""
    if not task.cancelled() and task.exception() is not None:
        error = task.exception()
        if not isinstance(error, SessionError):
            _log.error("%s failed", task.get_name(), exc_info=error)

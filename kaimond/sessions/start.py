"""From a plan to a session whose gate has proved itself, or to a clear word why not."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

import zmq

from kaimond import failpoints
from kaimond.errors import SessionError
from kaimond.gate.frames import Message
from kaimond.gate.gate_version import unspoken
from kaimond.gate.link import GateSilentError
from kaimond.julia_process.process import SessionProcess
from kaimond.registry.state import Event, State
from kaimond.sessions import session_log
from kaimond.sessions.end import MARK, end_process
from kaimond.toolchain.gate_cache import GateCaches

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.config.settings import SessionSettings
    from kaimond.julia_process.live import Live
    from kaimond.paths import Paths
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry
    from kaimond.sessions.live_sessions import LiveSessions
    from kaimond.toolchain.start_plan import Plan

_log = logging.getLogger("kaimond.sessions")

FOR_EVER: Final = 86_400.0
"""Seconds; for requests whose waiting is limited by somebody else."""

_LOOK_AGAIN: Final = 0.05
"""Seconds between two questions to a gate that still is the old one."""


class Booter:
    """Boots processes for sessions that are ``starting``.

    Args:
        paths: where things live.
        deadlines: settings of sessions.
        registry: of sessions.
        sessions: holder of the processes.
    """

    def __init__(
        self,
        paths: Paths,
        deadlines: SessionSettings,
        registry: Registry,
        sessions: LiveSessions,
    ) -> None:
        self._paths = paths
        self._deadlines = deadlines
        self._registry = registry
        self._sessions = sessions
        self.caches = GateCaches()

    async def boot(self, key: str, plan: Plan) -> Record:
        """Spawn a process and wait until its gate answers with this start's nonce.

        Args:
            key: of a session that was ``starting`` when the plan was begun.
            plan: how.

        Raises:
            SessionError: it did not start; its process is ended, and so is the session.
        """
        before = self._registry.get(key)
        if before is None or before.state is not State.STARTING:
            # It may be ended while its plan is made, and nobody would know of a process of it.
            raise _ended_meanwhile(key, alive=before is not None and before.alive)
        try:
            record = self._registry.note(
                key,
                nonce=secrets.token_hex(8),
                boot_id="",
                plan=plan.digest(),
                julia=plan.julia.path,
            )
            live = self._spawn(record, plan)
        except (OSError, ValueError, sqlite3.Error, zmq.ZMQError) as error:
            self._sessions.never_ran(key, f"Julia could not be started: {error}")
            raise SessionError(
                "start-failed",
                f"{plan.julia.path} could not be started: {error}. There is no session {key} now.",
            ) from None
        after = await self.await_answer(record, live)
        self._look_at_cache(plan, live)
        return after

    def _look_at_cache(self, plan: Plan, live: Live) -> None:
        if live.pong and live.pong.get("gate-code") == "evaluated":
            self._sessions.watch(self.caches.make_missed(plan.cache, plan.environment))

    async def await_answer(self, record: Record, live: Live) -> Record:
        """Wait until the gate of a spawned process answers with this start's nonce.

        Raises:
            SessionError: it did not start; its process is ended, and so is the session.
        """
        key = record.key
        pong = await self._first_answer(key, live)
        if pong is None:
            raise self._failure(key, live)
        reason = unspoken(int(pong.number("protocol")), pong.get("gate"))
        if not record.nonce:
            reason = "its start had been given up when the previous daemon ended"
        elif pong.get("nonce") != record.nonce:
            reason = f"its gate has the nonce {pong.get('nonce')!r} instead of {record.nonce!r}"
        if reason:
            await self._give_up(key, live, reason)
            raise self._failure(key, live)
        return self.answered(key, live, pong)

    async def replace_image(self, key: str, live: Live, plan: Plan) -> Message | None:
        """Ask a free gate to execute Julia anew in its process; the key, pid and terminal stay.

        Returns:
            The new image's first answer, proved by its nonce and its boot id; or None if there was
            none within the deadline of restarts.
        """
        before = self._registry.get(key)
        assert before is not None
        nonce = secrets.token_hex(8)
        self._registry.note(key, nonce=nonce)
        log = self._paths.session_log(key)
        session_log.append(log, b"--- executing Julia anew\n")
        deadline = self._deadlines.restart_timeout
        fields = (("nonce", nonce), *(("arg", word) for word in plan.command()))
        failpoints.passing("restart.before-exec")
        refused = asyncio.create_task(live.link.request("restart", fields, timeout=deadline))
        proof = asyncio.create_task(
            new_image(
                live,
                lambda pong: pong.get("nonce") == nonce and pong.get("boot") != before.boot_id,
            )
        )
        waiting: list[asyncio.Future[Any]] = [refused, proof, live.process.exited]
        await asyncio.wait(waiting, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        failpoints.passing("restart.after-exec")
        for task in (refused, proof):
            task.cancel()
        said, pong = await asyncio.gather(refused, proof, return_exceptions=True)
        if isinstance(pong, Message):
            self._registry.note(key, started=time.time(), ready=0.0)
            return pong
        if isinstance(said, Message):
            why = said.get("reason")
        elif live.process.exited.done():
            why = f"the process {live.process.exited.result()}"
        else:
            why = f"no proof within {deadline:g} s"
        _log.warning("not restarted in place: %s", why, extra={"session": key})
        return None

    def _spawn(self, record: Record, plan: Plan) -> Live:
        key = record.key
        endpoint, log = self._paths.session_socket(key), self._paths.session_log(key)
        endpoint.unlink(missing_ok=True)
        session_log.rotate(log)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        why = f", instantiating first: {'; '.join(plan.instantiate)}" if plan.instantiate else ""
        session_log.append(log, f"--- {stamp} starting Julia {plan.julia.version}{why}\n".encode())
        environment = {
            **plan.environment,
            MARK: key,
            "KAIMON_NONCE": record.nonce,
            "KAIMON_ENDPOINT": str(endpoint),
            "KAIMON_LOG": str(log),
        }
        if plan.instantiate:
            environment["KAIMON_INSTANTIATE"] = "1"
        failpoints.passing("start.before-spawn")
        process = SessionProcess.spawn(plan.command(), cwd=plan.project, env=environment, log=log)
        try:
            failpoints.passing("start.after-spawn")
            self._registry.note(
                key, pid=process.pid, process_start=process.start, started=time.time(), ready=0.0
            )
            failpoints.passing("start.after-note")
            _log.info("spawned process %d", process.pid, extra={"session": key})
            return self._sessions.take_charge(key, process)
        except BaseException:
            # Nobody would know of it, so nobody would ever end it.
            process.signal(signal.SIGKILL)
            raise

    async def _first_answer(self, key: str, live: Live) -> Message | None:
        """The gate's first answer, or None if the process ended or was ended for its silence."""
        deadline = self._deadlines.start_timeout
        asking = asyncio.create_task(live.link.request("ping", timeout=deadline, repeat=True))
        either: list[asyncio.Future[Any]] = [asking, live.process.exited]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        try:
            return await asking
        except asyncio.CancelledError:
            return None
        except GateSilentError:
            await self._give_up(key, live, f"no gate answered within {deadline:g} s of its start")
            return None

    async def _give_up(self, key: str, live: Live, reason: str) -> None:
        self._sessions.will_end(key, reason)
        # It may still answer while it ends; the next daemon must not take that for a start.
        self._registry.note(key, nonce="")
        failpoints.passing("start.given-up")
        await end_process(key, live, self._deadlines.stop_timeout)

    def answered(self, key: str, live: Live, pong: Message) -> Record:
        """The gate of a ``starting`` session has proved itself: the session is ready.

        Raises:
            SessionError: it ended, or was ended, in the same moment.
        """
        record = self._sessions.verified(key)
        if record is None or record.state is not State.STARTING:
            raise self._failure(key, live)
        live.pong = pong
        record = self._registry.apply(
            key,
            Event.ANSWERED,
            f"the gate of process {live.process.pid} answered, generation {record.proving}",
            generation=record.proving,
            boot_id=pong.get("boot"),
            tainted=False,
            julia_version=pong.get("julia"),
            protocol=int(pong.number("protocol")),
            gate=pong.get("gate"),
            ready=time.time(),
        )
        failpoints.passing("start.after-answer")
        live.busy_since = None
        self._sessions.opened(key, record.boot_id)
        return record

    def _failure(self, key: str, live: Live) -> SessionError:
        record = self._sessions.verified(key)
        assert record is not None
        if record.state in (State.STOPPING, State.STOPPED):
            return _ended_meanwhile(key, alive=record.alive)
        if record.alive:
            return not_gone(key, live, "did not start")
        last = record.last_output or "(nothing)"
        return SessionError(
            "start-failed",
            f"The session did not start. {record.ending} There is no session {key} now.\n"
            f"The last lines of its output:\n{last}\n"
            f"All of it: {self._paths.session_log(key)}",
        )


async def new_image(live: Live, proves: Callable[[Message], bool]) -> Message:
    """Wait as long as it takes for the first answer of a new process image.

    Args:
        live: the process and the way to it.
        proves: whether an answer to a ping is of the new image.

    Raises:
        GateSilentError: the process ended, or is none of a session's any more.
    """
    while True:
        # The old image answers what it hears before it executes the new one; that proves nothing,
        # and an answer that is lost in between is asked for again by `repeat`.
        pong = await live.link.request("ping", timeout=FOR_EVER, repeat=True)
        if proves(pong):
            return pong
        await asyncio.sleep(_LOOK_AGAIN)


def _ended_meanwhile(key: str, *, alive: bool) -> SessionError:
    now = "Its process is being ended." if alive else "It is no more."
    return SessionError("start-ended", f"Session {key} was shut down while it started. {now}")


def not_gone(key: str, live: Live, what: str) -> SessionError:
    """The error for a process that survives SIGKILL."""
    return SessionError(
        "not-gone",
        f"Session {key} {what}, and its process {live.process.pid} does not go away even when "
        "killed: it is stuck in the operating system. It is still listed. Look at that process.",
    )

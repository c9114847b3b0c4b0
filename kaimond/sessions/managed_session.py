"""A session whose Julia process kaimond starts, restarts and ends."""

from __future__ import annotations

import logging
import secrets
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Final

import zmq

from kaimond import failpoints
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.gate.gate_version import unspoken
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.interrupt import interrupt
from kaimond.julia_process.process import SessionProcess, end_descendants
from kaimond.registry.state import Event, State
from kaimond.sessions import session_log
from kaimond.sessions.end import GRACE, MARK, end_leftovers, end_process
from kaimond.sessions.lifecycle import ended_meanwhile, not_gone
from kaimond.sessions.restart import Restarted, execute_anew
from kaimond.sessions.session import Session

if TYPE_CHECKING:
    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import LiveProcess
    from kaimond.registry.record import Record
    from kaimond.toolchain.start_plan import Plan

_log = logging.getLogger("kaimond.sessions")

INTERRUPT_LIMIT: Final = 2.0
"""Seconds for interrupting the running eval before the process ends. It can be short, as a process
that does not respond is ended anyway."""


class ManagedSession(Session):
    """A session whose process was started by kaimond."""

    # Start

    async def start(self, plan: Plan) -> Record:
        """Spawn a process and wait until its gate answers with this start's nonce.

        Args:
            plan: what to start; the session was already ``starting`` when the plan was made.

        Raises:
            SessionError: the start failed; the process and the session have been ended.
        """
        before = self.record
        if before.state is not State.STARTING:
            # It may be ended while its plan is made; nobody would know of a process spawned now.
            raise ended_meanwhile(self.key, alive=before.alive)
        try:
            record = self.services.registry.note(
                self.key,
                nonce=secrets.token_hex(8),
                boot_id="",
                plan=plan.digest(),
                julia=plan.julia.path,
            )
            live = self._spawn(record, plan)
        except (OSError, ValueError, sqlite3.Error, zmq.ZMQError) as error:
            self.never_ran(f"Julia could not be started: {error}")
            raise SessionError(
                ErrorKind.START_FAILED,
                f"{plan.julia.path} could not be started: {error}. "
                f"There is no session {self.key} now.",
            ) from None
        after = await self.await_answer(record, live)
        if live.pong and live.pong.get("gate-code") == "evaluated":
            self.watch(self.services.caches.make_missed(plan.cache, plan.environment))
        return after

    def _spawn(self, record: Record, plan: Plan) -> LiveProcess:
        where, note = self.services.paths, self.services.registry.note
        endpoint, log = where.session_socket(self.key), where.session_log(self.key)
        endpoint.unlink(missing_ok=True)
        session_log.rotate(log)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        why = f", instantiating first: {'; '.join(plan.instantiate)}" if plan.instantiate else ""
        session_log.append(log, f"--- {stamp} starting Julia {plan.julia.version}{why}\n".encode())
        environment = {
            **plan.environment,
            MARK: self.key,
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
            started = time.time()
            note(self.key, pid=process.pid, process_start=process.start, started=started, ready=0.0)
            failpoints.passing("start.after-note")
            _log.info("spawned process %d", process.pid, extra={"session": self.key})
            return self.take_charge(process)
        except BaseException:
            # Nobody else knows of this process, so nobody else would ever end it.
            process.signal(signal.SIGKILL)
            raise

    async def await_answer(self, record: Record, live: LiveProcess) -> Record:
        """Wait until the gate of a spawned process answers with this start's nonce.

        Raises:
            SessionError: the start failed; the process and the session have been ended.
        """
        deadline = self.services.settings.start_timeout
        try:
            pong = await live.ask("ping", timeout=deadline, repeat=True)
        except GateSilentError:
            pong = None
            await self._give_up(live, f"no gate answered within {deadline:g} s of its start")
        if pong is None:
            raise self.start_failure(live)
        reason = unspoken(int(pong.number("protocol")), pong.get("gate"))
        if not record.nonce:
            reason = "its start had been given up when the previous daemon ended"
        elif pong.get("nonce") != record.nonce:
            reason = f"its gate has the nonce {pong.get('nonce')!r} instead of {record.nonce!r}"
        if reason:
            await self._give_up(live, reason)
            raise self.start_failure(live)
        return self.answered(live, pong)

    async def _give_up(self, live: LiveProcess, reason: str) -> None:
        self.will_end(reason)
        # The gate may still answer while it ends; the next daemon must not accept that answer.
        self.services.registry.note(self.key, nonce="")
        failpoints.passing("start.given-up")
        await end_process(self.key, live, self.services.settings.stop_timeout)

    # Restart

    async def _restart(self, reason: str, *, idle_only: bool = False) -> Restarted:
        """Replace the process image and keep the key.

        The plan is made before anything is given up, so a broken configuration does no harm. The
        image is replaced in place if possible; otherwise, or if no new boot id proves the restart
        in time, the process is ended and a new one is spawned.
        """
        began = time.monotonic()
        async with self.lock:
            record, live = self.to_restart()
            planner = self.services.planner
            try:
                plan = await planner.plan(planner.project(record.project))
            except SessionError as error:
                raise SessionError(
                    error.kind,
                    f"Session {self.key} was not restarted and is as it was. {error.message}",
                ) from None
            if self.live is not live:
                raise SessionError(
                    ErrorKind.NOT_READY, f"Session {self.key} ended before it was restarted."
                )
            if idle_only:
                self._require_idle()
            self.services.registry.apply(
                self.key, Event.RESTART, reason, proving=record.generation + 1
            )
            free = await self._quiet(live, reason)
            self.terminals.image_gone()
            after, way = await self._replaced(record, live, plan, in_place=free)
        return Restarted(after, way, time.monotonic() - began)

    async def _replaced(
        self, record: Record, live: LiveProcess, plan: Plan, *, in_place: bool
    ) -> tuple[Record, str]:
        spoken = not unspoken(record.protocol, record.gate)
        if in_place and spoken and plan.digest() == record.plan:
            pong = await self._replace_image(record, live, plan)
            if pong:
                failpoints.passing("restart.after-proof")
                self.services.registry.apply(
                    self.key, Event.SPAWNED, "the new process image answered"
                )
                after = self.answered(live, pong)
                return after, f"in place (the same process {after.pid})"
        # The gate may still answer while it ends; the next daemon must not accept that as proof.
        self.services.registry.note(self.key, nonce="")
        failpoints.passing("restart.before-end")
        if not await end_process(self.key, live, self.services.settings.stop_timeout):
            raise self._stuck(live)
        failpoints.passing("restart.before-respawn")
        self._begin_respawn()
        after = await self.start(plan)
        return after, f"by a new process {after.pid} (the old one, {record.pid}, is gone)"

    async def _replace_image(self, before: Record, live: LiveProcess, plan: Plan) -> Message | None:
        """Have a free gate execute Julia anew in its process; key, pid and terminals stay.

        Returns:
            The new image's first answer, proved by its nonce and boot id; None if there was none
            within the restart timeout.
        """
        nonce = secrets.token_hex(8)
        self.services.registry.note(self.key, nonce=nonce)
        log = self.services.paths.session_log(self.key)
        session_log.append(log, b"--- executing Julia anew\n")
        deadline = self.services.settings.restart_timeout
        failpoints.passing("restart.before-exec")
        pong, refusal = await execute_anew(
            live,
            (("nonce", nonce), *(("arg", word) for word in plan.command())),
            lambda pong: pong.get("nonce") == nonce and pong.get("boot") != before.boot_id,
            deadline,
        )
        failpoints.passing("restart.after-exec")
        if pong:
            self.services.registry.note(self.key, started=time.time(), ready=0.0)
            return pong
        why = refusal or f"no proof within {deadline:g} s"
        if live.process.exited.done():
            why = f"the process {live.process.exited.result()}"
        _log.warning("not restarted in place: %s", why, extra={"session": self.key})
        return None

    def _begin_respawn(self) -> None:
        # A record without a pid tells the next daemon that there was no new process yet.
        self.services.registry.apply(
            self.key, Event.SPAWNED, "the old process is gone", pid=0, process_start=""
        )

    def _stuck(self, live: LiveProcess) -> SessionError:
        """Mark the session as stopping and return the error for a process that survives SIGKILL."""
        reason = "it was to be restarted, but its process did not go away"
        self.will_end(reason)
        self.services.registry.apply(self.key, Event.STOP, reason)
        return not_gone(self.key, live, "was not restarted")

    async def finish_restart(self) -> None:
        """Finish a restart that the previous daemon began.

        Only a new image that repeats this restart's nonce is proof. An old image that answers may
        still receive the request to execute Julia anew, so it is ended.
        """
        record, live = self.record, self.live
        async with self.lock:
            if live:
                pong = await self._answer(live) if record.nonce else None
                fresh = pong and pong.get("boot") != record.boot_id
                if pong and fresh and pong.get("nonce") == record.nonce:
                    self.services.registry.apply(self.key, Event.SPAWNED, "the new image answered")
                    self.answered(live, pong)
                    return
                self.services.registry.note(self.key, nonce="")
                if not await end_process(self.key, live, self.services.settings.stop_timeout):
                    raise self._stuck(live)
            await end_leftovers(self.key, record.pid)
            if record.state is State.RESTARTING:
                self._begin_respawn()
            planner = self.services.planner
            try:
                plan = await planner.plan(planner.project(record.project))
            except SessionError as error:
                self.never_ran(f"its restart could not be finished: {error}")
            else:
                await self.start(plan)

    async def _answer(self, live: LiveProcess) -> Message | None:
        timeout = self.services.settings.restart_timeout
        try:
            return await live.ask("ping", timeout=timeout, repeat=True)
        except GateSilentError:
            return None

    # End

    def _outlives_its_process(self) -> bool:
        # A restart goes on from here; its evals were ended when it began.
        return self.record.state is State.RESTARTING

    async def _end_process(self, live: LiveProcess, reason: str) -> None:
        free = await self._quiet(live, reason)
        failpoints.passing("stop.before-end")
        if not await end_process(self.key, live, self.services.settings.stop_timeout, ask=free):
            raise not_gone(self.key, live, "was asked to stop")
        failpoints.passing("stop.after-end")

    async def _quiet(self, live: LiveProcess, reason: str) -> bool:
        """Dismiss queued evals, interrupt what runs and end children, before the image ends.

        Args:
            live: the session's process and link.
            reason: a clause for whoever waits.

        Returns:
            Whether the gate is free to handle a request.
        """
        self.dismiss_evals(reason)
        running, free = self.running, live.link.up
        if self.turn.terminal and free:
            came = await interrupt(live, self.turn.terminal, INTERRUPT_LIMIT, person=True)
            free = came.free
        if running and free:
            free = (await interrupt(live, running.id, INTERRUPT_LIMIT)).free
        children = live.process.descendants()
        if children:
            await end_descendants(children, GRACE)
        self.close_evals(Status.INTERRUPTED, reason)
        return free and not live.process.exited.done()

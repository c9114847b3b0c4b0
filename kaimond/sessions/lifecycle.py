"""The process of a session of either kind, from its first answer to its end.

The end of a process is handled as soon as it is noticed, either through the kernel's event or by
a caller that finds the process gone.
"""

from __future__ import annotations

import abc
import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond import failpoints
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.evals.eval_queue import Turn
from kaimond.evals.spool import Spool
from kaimond.events import SessionToolsChanged
from kaimond.gate.frames import FrameError
from kaimond.gate.gate_version import unspoken
from kaimond.gate.link import GateLink
from kaimond.gate.tools import Offer, read_offer
from kaimond.julia_process.live import FOR_EVER, LiveProcess
from kaimond.julia_process.signal_lock import SignalLock
from kaimond.registry.record import UNKNOWN
from kaimond.registry.state import Event, State
from kaimond.sessions import session_log
from kaimond.sessions.cleanup import clear, drop_output, forget_files
from kaimond.sessions.end import end_leftovers
from kaimond.sessions.eval_runner import EvalRunner
from kaimond.terminals.terminals import VERB, WHOSE_TURN, Terminals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from kaimond.evals.eval import Eval
    from kaimond.gate.frames import Message
    from kaimond.julia_process.process import SessionProcess
    from kaimond.registry.record import ExitStatus, Record
    from kaimond.sessions.services import Services

_log = logging.getLogger("kaimond.sessions")

LAST_LINES: Final = 20
"""Number of output lines that are kept of an ended session and shown in errors."""

LAST_BYTES: Final = 2**14
"""Maximum bytes of these lines, as they go into the record and every error about the session."""

_ASK_TOOLS: Final = "tools"


class Lifecycle(abc.ABC):
    """The process handling of a session that has not ended.

    Args:
        key: the session's permanent key.
        services: what all sessions share.

    Attributes:
        key: the session's permanent key.
        lock: held during a restart or stop.
        live: the process and its link; None while there is no process.
        turn: whether a person's input is being evaluated.
        terminals: the attached terminals.
        tools: the tools that the session's own code offers to agents.
    """

    def __init__(self, key: str, services: Services) -> None:
        self.key = key
        self.lock = asyncio.Lock()
        self.live: LiveProcess | None = None
        self.turn = Turn()
        self.tools = Offer()
        self.services = services
        self.terminals = Terminals(self, services.bus)
        self._evals: EvalRunner | None = None
        self._end_reason = ""

    # Properties

    @property
    def record(self) -> Record:
        """The session's record, without checking the process."""
        record = self.services.registry.get(self.key)
        assert record is not None, "a session has a record"
        return record

    @property
    def project(self) -> str:
        """The project directory."""
        return self.record.project

    @property
    def reviser(self) -> str:
        """The reviser that the project's preferences currently select."""
        return str(self.services.projects.preferences(Path(self.project)).revise)

    @property
    def spool(self) -> Spool:
        """Where the session's evals write their output."""
        return Spool(self.services.paths.session_spool(self.key))

    @property
    def running(self) -> Eval | None:
        """The eval that is currently running."""
        return self._evals.running if self._evals else None

    @property
    def busy(self) -> bool:
        """Whether the session is evaluating, or cannot evaluate yet."""
        return self._evals is None or self._evals.queue.busy_since is not None

    def _is_mirrored(self) -> bool:
        preferences = self.services.projects.preferences(Path(self.project))
        return self.record.allow_mirror and preferences.mirror_repl

    def verify(self) -> Record:
        """Check that the session's process still exists, and return its record.

        If the process is gone, the session ends here.
        """
        if self.live and not self.live.process.running:
            self._exited(self.live)
        return self.record

    @abc.abstractmethod
    async def read_again(self) -> None:
        """Have all source files read again, if that is possible now."""

    # Process

    def take_charge(self, process: SessionProcess) -> LiveProcess:
        """Connect to a process's gate, and watch for the end of the process."""
        where = self.services.paths
        link = GateLink(
            self.services.context,
            self.key,
            where.session_socket(self.key),
            on_message=self._heard,
            on_up=self._transport_up,
        )
        live = LiveProcess(
            process,
            link,
            SignalLock(where.session_shield(self.key)),
            self.turn,
            joined=self.record.joined,
        )
        self.live = live
        process.exited.add_done_callback(lambda _: self._exited(live))
        return live

    def _heard(self, message: Message) -> None:
        if message.verb == VERB or message.request == WHOSE_TURN:
            self.terminals.heard(message)
        elif message.verb == "tools":
            self._offers(message)
        elif self._evals:
            self._evals.heard(message)

    def _transport_up(self) -> None:
        if self.live:
            # Anything the gate sent before the link was up may be lost.
            self.live.link.send(_ASK_TOOLS, "tools")
        if self._evals:
            self._evals.transport_up()
        self.terminals.transport_up()

    def _offers(self, message: Message) -> None:
        try:
            offer = read_offer(message.fields)
        except FrameError as error:
            _log.warning("its tools cannot be offered: %s", error, extra={"session": self.key})
            offer = Offer()
        self._offer(offer)

    def _offer(self, offer: Offer) -> None:
        if offer == self.tools or not (offer.tools or self.tools.tools):
            return
        self.tools = offer
        names = ", ".join(tool.name for tool in offer.tools) or "none any more"
        _log.info("offers tools: %s", names, extra={"session": self.key})
        self.services.bus.publish(SessionToolsChanged(self.key))

    def opened(self, boot_id: str) -> None:
        """Accept evals for a new process image."""
        self._evals = self._runner(boot_id)
        self.services.source.opened(self)
        self.terminals.image_ready(self.record.generation)

    def adopted(self, boot_id: str) -> None:
        """Continue the evals of a process image that outlived the previous daemon."""
        self._evals = self._runner(boot_id)
        self.services.source.opened(self)
        self._evals.resume()
        self.watch(self._ask_source())

    def _runner(self, boot_id: str) -> EvalRunner:
        assert self.live
        link, spool = self.live.link, self.spool
        return EvalRunner(
            self.key, boot_id, link, spool, self.turn, self.services, self._is_mirrored
        )

    async def _ask_source(self) -> None:
        if self.live:
            said = await self.live.ask("sources", timeout=FOR_EVER, repeat=True)
            if said:
                self.services.source.told(self.key, said)

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Run background work that the next daemon will do if this one ends."""
        self.services.tasks.watch(work)

    def taint(self, why: str) -> None:
        """Record a forced interrupt, possibly inside C code; ``why`` is a clause for the log."""
        if self.verify().alive:
            self.services.registry.note(self.key, tainted=True)
            _log.warning("tainted: %s", why, extra={"session": self.key})

    def turn_changed(self) -> None:
        """Handle the start or end of a person's input: hold back or continue agents' evals."""
        if self._evals:
            self._evals.next()

    # Before a process image ends on purpose

    def dismiss_evals(self, reason: str) -> None:
        """Dismiss all waiting evals; ``reason`` is a clause for whoever waits for them."""
        if self._evals:
            self._evals.ending(reason)

    def close_evals(self, status: Status, reason: str) -> None:
        """End the running eval with ``status``; this process image evaluates nothing more."""
        if self._evals:
            evals, self._evals = self._evals, None
            evals.close(status, reason)

    # New process image

    def answered(self, live: LiveProcess, pong: Message) -> Record:
        """Make a ``starting`` session ready after its gate has proved itself.

        Raises:
            SessionError: the session ended, or was ended, at the same moment.
        """
        record = self.verify()
        if record.state is not State.STARTING:
            raise self.start_failure(live)
        live.pong = pong
        record = self.services.registry.apply(
            self.key,
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
        self.opened(record.boot_id)
        return self.record

    def start_failure(self, live: LiveProcess) -> SessionError:
        """Return an error that explains why the session is not ready after its start."""
        record = self.verify()
        if record.state in (State.STOPPING, State.STOPPED):
            return ended_meanwhile(self.key, alive=record.alive)
        if record.alive:
            return not_gone(self.key, live, "did not start")
        last = record.last_output or "(nothing)"
        return SessionError(
            ErrorKind.START_FAILED,
            f"The session did not start. {record.ending} There is no session {self.key} now.\n"
            f"The last lines of its output:\n{last}\n"
            f"All of it: {self.services.paths.session_log(self.key)}",
        )

    def let_go(self) -> LiveProcess | None:
        """Release a process that outlives the daemon; return it so that its link can be closed."""
        live, self.live = self.live, None
        if live:
            live.process.release()
        return live

    # End

    def will_end(self, reason: str) -> None:
        """Record that the end is intended; ``reason`` is a clause for the session's record."""
        self._end_reason = reason

    def _outlives_its_process(self) -> bool:
        """Return whether the session continues although its process is gone."""
        return False

    def _left_in_order(self) -> bool:
        """Return whether the user took the REPL back, so that its end is no crash."""
        return False

    def _exited(self, live: LiveProcess) -> None:
        """Handle the proved end of a process. Every observer calls this, so it may run twice."""
        if self.live is not live:
            return
        record, status = self.record, live.process.exited.result()
        how = f"process {record.pid} {status}"
        goes_on = self._outlives_its_process()
        if not goes_on:
            self._record_exit(record, how, status)
        # Not earlier: if recording the exit fails, the next check must be able to try again.
        self._let_go(live)
        if goes_on:
            return
        unasked, self._end_reason = not self._end_reason, ""
        self._over(f"the session's {how}")
        if unasked and not record.joined:
            # After a requested end, the code that waits for it does this.
            self.services.tasks.chore(end_leftovers(self.key, live.process.pid))

    def _let_go(self, live: LiveProcess) -> None:
        """Detach the session from a process image that no longer belongs to it."""
        self.live = None
        self.services.source.closed(self.key)
        self.services.tasks.chore(live.link.close())
        forget_files(self.services.paths, self.key)

    def _over(self, reason: str) -> None:
        """Notify everyone and clean up, after the end has been recorded.

        Args:
            reason: a clause for whoever waits for its evals.
        """
        self.close_evals(Status.LOST, reason)
        drop_output(self.services.history, self.spool)
        self._offer(Offer())
        self.terminals.session_ended(self.record.ending)

    def _record_exit(self, record: Record, how: str, status: ExitStatus) -> None:
        asked = _sentence(self._end_reason)
        failpoints.passing("exit.before-record")
        if not asked and self._left_in_order():
            ending = f"Its process {record.pid} exited in order."
            self.services.registry.apply(self.key, Event.LEFT, how, **self._end(ending))
            return
        self.services.registry.apply(
            self.key,
            Event.EXITED,
            how,
            **self._end(f"{asked} The {how}." if asked else f"Its {how}, unasked."),
            exit_code=status.code,
            exit_signal=status.signal,
        )
        failpoints.passing("exit.after-record")

    def never_ran(self, reason: str, status: ExitStatus = UNKNOWN) -> None:
        """End a session that has no process.

        Args:
            reason: a clause for its record.
            status: how its former process ended, if known.
        """
        orderly = self.record.state is not State.STOPPING and self._left_in_order()
        self.services.registry.apply(
            self.key,
            Event.LEFT if orderly else Event.EXITED,
            reason,
            **self._end(_sentence(reason)),
            exit_code=status.code,
            exit_signal=status.signal,
        )
        self._end_reason = ""
        clear(self.services.paths, self.services.history, self.key, reason)
        self.terminals.session_ended(self.record.ending)

    def left(self, ending: str) -> None:
        """End a session that its user took back; the process keeps running.

        Args:
            ending: a sentence for its record.
        """
        live = self.live
        assert live
        cause = "it was taken back"
        self.services.registry.apply(self.key, Event.LEFT, cause, **self._end(ending))
        live.process.release()
        self._let_go(live)
        self._end_reason = ""
        self._over("the session was taken back by its user")

    def _end(self, ending: str) -> dict[str, Any]:
        log = self.services.paths.session_log(self.key)
        return {
            "ended": time.time(),
            "ending": ending,
            "last_output": session_log.tail(log, LAST_LINES, LAST_BYTES),
        }

    def set_aside(self) -> None:
        """Leave alone a surviving session whose gate speaks an unsupported protocol."""
        record = self.record
        reason = unspoken(record.protocol, record.gate)
        _log.warning("set aside: %s", reason, extra={"session": self.key})
        self.services.history.abandoned(self.key, self.spool, reason)
        if record.state is State.BUSY:
            self.services.registry.apply(self.key, Event.EVALS_ENDED, reason)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def ended_meanwhile(key: str, *, alive: bool) -> SessionError:
    """Return the error for a start whose session was shut down in the meantime."""
    now = "Its process is being ended." if alive else "It is no more."
    return SessionError(
        ErrorKind.START_ENDED, f"Session {key} was shut down while it started. {now}"
    )


def not_gone(key: str, live: LiveProcess, what: str) -> SessionError:
    """Return the error for a process that survives SIGKILL."""
    return SessionError(
        ErrorKind.NOT_GONE,
        f"Session {key} {what}, and its process {live.process.pid} does not go away even when "
        "killed: it is stuck in the operating system. It is still listed. Look at that process.",
    )

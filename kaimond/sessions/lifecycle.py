"""A session's process, whoever started it: from its first answer to its end.

The end of a process is taken in the moment it is noticed, whoever notices it first: the kernel's
event, or somebody who asks and finds it gone.
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
from kaimond.evals.notes import Notes
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
"""Lines of output that are kept of an ended session and shown in errors."""

LAST_BYTES: Final = 2**14
"""Bytes of them at most: they go into the record and into every error about that session."""

_ASK_TOOLS: Final = "tools"


class Lifecycle(abc.ABC):
    """The process of a session that has not ended, from its birth to its death.

    Args:
        key: its name for ever.
        services: what all sessions share.

    Attributes:
        key: its name for ever.
        lock: held by whoever restarts or stops it.
        live: its process and the way to its gate; None while it has none.
        turn: whether a person's input is evaluated.
        terminals: that persons have attached.
        tools: that its own code offers to agents.
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

    # What it is

    @property
    def record(self) -> Record:
        """What is remembered of it, without a look at its process."""
        record = self.services.registry.get(self.key)
        assert record is not None, "a session has a record"
        return record

    @property
    def verified(self) -> Record:
        """Its record, after making sure that its process exists at this moment."""
        if self.live and not self.live.process.running:
            self._exited(self.live)
        return self.record

    @property
    def project(self) -> str:
        """Directory of its project."""
        return self.record.project

    @property
    def reviser(self) -> str:
        """Which reviser its project's preferences ask for now."""
        return str(self.services.preferences.of(Path(self.project)).revise)

    @property
    def spool(self) -> Spool:
        """Where its evals print."""
        return Spool(self.services.paths.session_spool(self.key))

    @property
    def running(self) -> Eval | None:
        """The eval that it evaluates now."""
        return self._evals.running if self._evals else None

    @property
    def queued(self) -> int:
        """How many evals wait."""
        return self._evals.queue.waiting if self._evals else 0

    @property
    def evaluates(self) -> bool:
        """Whether it takes evals now."""
        return self._evals is not None

    @property
    def busy(self) -> bool:
        """Whether it evaluates, or cannot yet."""
        return self._evals is None or self._evals.queue.busy_since is not None

    def notes_of(self, eval_id: str) -> Notes:
        """What an eval has told of itself; empty ones if it does not run."""
        return self._evals.notes_of(eval_id) if self._evals else Notes()

    @property
    def _busy_since(self) -> float | None:
        return self._evals.queue.busy_since if self._evals else None

    def _is_mirrored(self) -> bool:
        preferences = self.services.preferences.of(Path(self.project))
        return self.record.allow_mirror and preferences.mirror_repl

    @abc.abstractmethod
    async def read_again(self) -> None:
        """Have all source files read again, if that can be done now."""

    # Its process

    def take_charge(self, process: SessionProcess) -> LiveProcess:
        """Connect to the gate of a process, and be there when it ends."""
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
            # What it said before it was heard may be lost.
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
        """A new process image can evaluate."""
        self._evals = self._runner(boot_id)
        self.services.source.opened(self)
        self.terminals.image_ready(self.record.generation)

    def adopted(self, boot_id: str) -> None:
        """A process image that outlived the previous daemon evaluates, or can."""
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
        """Run something in the background that the next daemon will do if this one ends."""
        self.services.tasks.watch(work)

    def taint(self, why: str) -> None:
        """Code was interrupted by force, maybe inside C; ``why`` is a clause for the log."""
        if self.verified.alive:
            self.services.registry.note(self.key, tainted=True)
            _log.warning("tainted: %s", why, extra={"session": self.key})

    def turn_changed(self) -> None:
        """A person's turn began or ended: take up or go on with agents' evals."""
        if self._evals:
            self._evals.next()

    # Before a process image ends on purpose

    def dismiss_evals(self, reason: str) -> None:
        """Let nothing begin that waits; ``reason`` is a clause for whoever waits for it."""
        if self._evals:
            self._evals.ending(reason)

    def close_evals(self, status: Status, reason: str) -> None:
        """The process image evaluates nothing more: end what ran with ``status``."""
        if self._evals:
            evals, self._evals = self._evals, None
            evals.close(status, reason)

    # A new process image

    def answered(self, live: LiveProcess, pong: Message) -> Record:
        """The gate of a ``starting`` session has proved itself: it is ready.

        Raises:
            SessionError: it ended, or was ended, in the same moment.
        """
        record = self.verified
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
        """Why it is not ready although its start is over."""
        record = self.verified
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
        """The daemon ends, and the process goes on; return it, for its link to be closed."""
        live, self.live = self.live, None
        if live:
            live.process.release()
        return live

    # Its end

    def will_end(self, reason: str) -> None:
        """The end of its process is wanted; ``reason``, a clause, goes into its record."""
        self._end_reason = reason

    def _outlives_its_process(self) -> bool:
        """Whether it goes on although its process is gone."""
        return False

    def _left_in_order(self) -> bool:
        """Whether its person took it back, so that the end of the process is no crash."""
        return False

    def _exited(self, live: LiveProcess) -> None:
        """A process is proved to be gone. Called by everybody who notices, so maybe twice."""
        if self.live is not live:
            return
        record, status = self.record, live.process.exited.result()
        how = f"process {record.pid} {status}"
        goes_on = self._outlives_its_process()
        if not goes_on:
            self._record_exit(record, how, status)
        # Only now: had the record not been written, the next look would try again.
        self._let_go(live)
        if goes_on:
            return
        unasked, self._end_reason = not self._end_reason, ""
        self._over(f"the session's {how}")
        if unasked and not record.joined:
            # On a way down that somebody asked for, whoever waits for it does this.
            self.services.tasks.chore(end_leftovers(self.key, live.process.pid))

    def _let_go(self, live: LiveProcess) -> None:
        """A process image is none of this session's any more."""
        self.live = None
        self.services.source.closed(self.key)
        self.services.tasks.chore(live.link.close())
        forget_files(self.services.paths, self.key)

    def _over(self, reason: str) -> None:
        """Its end is written down: tell everybody, and clear away.

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
        """End it: it has no process.

        Args:
            reason: a clause for its record.
            status: how the process ended that it had, if that is known.
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
        """A person took it back; its process goes on.

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
        """It outlived the previous daemon, and this one does not speak with its gate."""
        record = self.record
        reason = unspoken(record.protocol, record.gate)
        _log.warning("set aside: %s", reason, extra={"session": self.key})
        self.services.history.abandoned(self.key, self.spool, reason)
        if record.state is State.BUSY:
            self.services.registry.apply(self.key, Event.EVALS_ENDED, reason)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def ended_meanwhile(key: str, *, alive: bool) -> SessionError:
    """The error for a start whose session was shut down meanwhile."""
    now = "Its process is being ended." if alive else "It is no more."
    return SessionError(
        ErrorKind.START_ENDED, f"Session {key} was shut down while it started. {now}"
    )


def not_gone(key: str, live: LiveProcess, what: str) -> SessionError:
    """The error for a process that survives SIGKILL."""
    return SessionError(
        ErrorKind.NOT_GONE,
        f"Session {key} {what}, and its process {live.process.pid} does not go away even when "
        "killed: it is stuck in the operating system. It is still listed. Look at that process.",
    )

"""Holds the process and the link of every living session, and takes in how each ends.

The end of a process is taken in the moment it is noticed, whoever notices it first: the kernel's
event, or somebody who asks and finds it gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import zmq.asyncio

from kaimond import failpoints
from kaimond.errors import SessionError
from kaimond.evals.all_evals import EvalBook
from kaimond.evals.spool import Spool
from kaimond.gate.gate_version import unspoken
from kaimond.gate.link import Link
from kaimond.julia_process.live import Live
from kaimond.julia_process.signal_lock import Shield
from kaimond.registry.record import UNKNOWN
from kaimond.registry.state import Event, State
from kaimond.sessions import session_log
from kaimond.sessions.cleanup import Remains
from kaimond.sessions.end import end_leftovers
from kaimond.sessions.offered_tools import Offers
from kaimond.sessions.source_upkeep import Freshness
from kaimond.terminals.terminals import VERB, WHOSE_TURN, Terminals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from kaimond.config.settings import EvalSettings
    from kaimond.evals.eval import Eval
    from kaimond.gate.frames import Message
    from kaimond.julia_process.process import SessionProcess
    from kaimond.paths import Paths
    from kaimond.registry.record import ExitStatus, Record
    from kaimond.registry.registry import Registry
    from kaimond.store.database import Store

_log = logging.getLogger("kaimond.sessions")

_T = TypeVar("_T")

LAST_LINES: Final = 20
"""Lines of output that are kept of an ended session and shown in errors."""

LAST_BYTES: Final = 2**14
"""Bytes of them at most: they go into the record and into every error about that session."""

LOGGED: Final = 2**16
"""Bytes of each end of an eval's output that go to the session's log."""


class LiveSessions:
    """Processes and links by session key.

    Args:
        paths: where things live.
        registry: of sessions.
        store: for the evals.
        settings: for the evals.
    """

    def __init__(
        self, paths: Paths, registry: Registry, store: Store, settings: EvalSettings
    ) -> None:
        self._paths = paths
        self._registry = registry
        self.freshness = Freshness(paths, self._evaluates)
        self.keeper = self.freshness.keeper
        self.book = EvalBook(
            store,
            self._busy,
            self._idle,
            self._eval_finished,
            settings,
            self.keeper,
            self._is_mirrored,
        )
        self.freshness.attach(self.book)
        self.remains = Remains(paths, registry, self.book)
        self.offers = Offers()
        self._context = zmq.asyncio.Context()
        self._live: dict[str, Live] = {}
        self._reasons: dict[str, str] = {}
        self.terminals = Terminals(self.get, self.book, self.watch, self._forced)
        self._chores: set[asyncio.Task[Any]] = set()
        self._watches: set[asyncio.Task[Any]] = set()

    def get(self, key: str) -> Live | None:
        """The process of a session, if it has one now."""
        return self._live.get(key)

    def verified(self, key: str) -> Record | None:
        """The session's record, after making sure that its process exists at this moment."""
        live = self._live.get(key)
        if live and not live.process.running:
            self._exited(key, live)
        return self._registry.get(key)

    def all_verified(self) -> list[Record]:
        """Every session that has not ended, each process checked at this moment."""
        for key in list(self._live):
            self.verified(key)
        return self._registry.alive()

    def take_charge(self, key: str, process: SessionProcess) -> Live:
        """Connect to the gate of a process, and be there when it ends."""
        link = Link(
            self._context,
            key,
            self._paths.session_socket(key),
            on_message=lambda message: self._heard(key, message),
            on_up=lambda: self._transport_up(key),
        )
        record = self._registry.get(key)
        shield = Shield(self._paths.session_shield(key))
        live = Live(process, link, shield, joined=record is not None and record.joined)
        self._live[key] = live
        process.exited.add_done_callback(lambda _: self._exited(key, live))
        return live

    def _heard(self, key: str, message: Message) -> None:
        if message.verb == VERB or message.request == WHOSE_TURN:
            self.terminals.heard(key, message)
        else:
            self.offers.heard(key, message)
            self.book.heard(key, message)

    def _transport_up(self, key: str) -> None:
        live = self._live.get(key)
        if live:
            self.offers.ask(live.link)
        self.book.transport_up(key)
        self.terminals.transport_up(key)

    def link(self, key: str) -> Link:
        """A connection of its own to a gate that is no session yet; whoever asks closes it."""
        return Link(
            self._context,
            key,
            self._paths.session_socket(key),
            on_message=lambda _message: None,
            on_up=lambda: None,
        )

    def will_end(self, key: str, reason: str) -> None:
        """The end of this session's process is wanted; ``reason`` goes into its record."""
        self._reasons[key] = reason

    def _exited(self, key: str, live: Live) -> None:
        """A process is proved to be gone. Called by everybody who notices, so maybe twice."""
        if self._live.get(key) is not live:
            return
        record = self._registry.get(key)
        assert record is not None
        how = f"process {record.pid} {live.process.exited.result()}"
        # A restart goes on from here; the evals were ended when it began.
        restarting = record.state is State.RESTARTING and not record.joined
        if not restarting:
            self._record_exit(record, how, live.process.exited.result())
        # Only now: had the record not been written, the next look would try again.
        self._let_go(key, live)
        if restarting:
            return
        unasked = not self._reasons.pop(key, "")
        self._over(key, f"the session's {how}")
        if unasked and not record.joined:
            # On a way down that somebody asked for, whoever waits for it does this.
            self.chore(end_leftovers(key, live.process.pid))

    def _let_go(self, key: str, live: Live) -> None:
        """A process image is none of a session's any more."""
        del self._live[key]
        self.keeper.closed(key)
        self.chore(live.link.close())
        self.remains.forget_files(key)

    def _over(self, key: str, reason: str) -> None:
        """A session's end is written down: tell everybody, and clear away.

        Args:
            key: of the session.
            reason: a clause for whoever waits for its evals.
        """
        self.book.closed(key, reason)
        self.remains.drop_output(key)
        self.offers.ended(key)
        self.terminals.session_ended(key, self._ending_of(key))

    def _ending_of(self, key: str) -> str:
        record = self._registry.get(key)
        return record.ending if record else ""

    def _forced(self, key: str) -> None:
        """What a person had entered was interrupted by force."""
        record = self.verified(key)
        if record and record.alive:
            self._registry.note(key, tainted=True)
            _log.warning("tainted: a terminal's input was interrupted by force")

    def _record_exit(self, record: Record, how: str, status: ExitStatus) -> None:
        asked = _sentence(self._reasons.get(record.key, ""))
        failpoints.passing("exit.before-record")
        if not asked and self._took_back(record):
            ending = f"Its process {record.pid} exited in order."
            self._registry.apply(record.key, Event.LEFT, how, **self._end(record.key, ending))
            return
        self._registry.apply(
            record.key,
            Event.EXITED,
            how,
            **self._end(record.key, f"{asked} The {how}." if asked else f"Its {how}, unasked."),
            exit_code=status.code,
            exit_signal=status.signal,
        )
        failpoints.passing("exit.after-record")

    def left(self, key: str, ending: str) -> None:
        """A person took their REPL back; its process goes on.

        Args:
            key: of the session.
            ending: a sentence for its record.
        """
        live = self._live[key]
        self._registry.apply(key, Event.LEFT, "it was taken back", **self._end(key, ending))
        live.process.release()
        self._let_go(key, live)
        self._reasons.pop(key, None)
        self._over(key, "the session was taken back by its user")

    def _took_back(self, record: Record) -> bool:
        """Whether a joined session has removed its announcement, as it does at an orderly exit."""
        return record.joined and not self._paths.announcement(record.key).exists()

    def never_ran(self, key: str, reason: str, status: ExitStatus = UNKNOWN) -> None:
        """End a session that has no process.

        Args:
            key: of the session.
            reason: a clause for its record.
            status: how the process ended that it had, if that is known.
        """
        record = self._registry.get(key)
        orderly = record and record.state is not State.STOPPING and self._took_back(record)
        event = Event.LEFT if orderly else Event.EXITED
        end = self._end(key, _sentence(reason))
        self._registry.apply(
            key, event, reason, **end, exit_code=status.code, exit_signal=status.signal
        )
        self._reasons.pop(key, None)
        self.remains.clear(key, reason)
        self.terminals.session_ended(key, self._ending_of(key))

    def set_aside(self, key: str) -> None:
        """A session outlived the previous daemon, and this one does not speak with its gate."""
        record = self._registry.get(key)
        assert record is not None
        reason = unspoken(record.protocol, record.gate)
        _log.warning("set aside: %s", reason, extra={"session": key})
        self.book.abandoned(key, Spool(self._paths.session_spool(key)), reason)
        if record.state is State.BUSY:
            self._registry.apply(key, Event.EVALS_ENDED, reason)

    def _end(self, key: str, ending: str) -> dict[str, Any]:
        return {
            "ended": time.time(),
            "ending": ending,
            "last_output": session_log.tail(self._paths.session_log(key), LAST_LINES, LAST_BYTES),
        }

    def opened(self, key: str, boot_id: str) -> None:
        """A new process image can evaluate."""
        record, live = self._registry.get(key), self._live[key]
        assert record is not None
        self.keeper.opened(key, record.project)
        self.book.opened(key, live.link, Spool(self._paths.session_spool(key)), boot_id)
        self.terminals.image_ready(key, record.generation)

    def adopted(self, key: str, boot_id: str) -> None:
        """A process image that outlived the previous daemon evaluates, or can."""
        record, live = self._registry.get(key), self._live[key]
        assert record is not None
        self.keeper.opened(key, record.project)
        self.book.adopted(key, live.link, Spool(self._paths.session_spool(key)), boot_id)
        self.watch(self.freshness.ask(key, live.link))

    def _evaluates(self, key: str) -> bool:
        live = self._live.get(key)
        return live is None or live.busy_since is not None

    def _is_mirrored(self, key: str) -> bool:
        record = self._registry.get(key)
        if record is None or not record.allow_mirror:
            return False
        return self.freshness.preferences.of(Path(record.project)).mirror_repl

    # What the evals tell

    def _busy(self, key: str) -> None:
        live, record = self._live.get(key), self._registry.get(key)
        if live and record:
            live.busy_since = time.monotonic()
            if record.state is State.READY:
                self._registry.apply(key, Event.EVAL_BEGAN, "an eval began")

    def _idle(self, key: str) -> None:
        live, record = self._live.get(key), self._registry.get(key)
        if live and record:
            live.busy_since = None
            if record.state is State.BUSY:
                self._registry.apply(key, Event.EVALS_ENDED, "no more evals", last_eval=time.time())

    def _eval_finished(self, item: Eval) -> None:
        """Put what an eval printed into the session's log, beside what the session says itself."""
        log = self._paths.session_log(item.session)
        session_log.rotate(log)
        if item.outcome is None or not item.outcome.output:
            return
        printed = Spool(self._paths.session_spool(item.session)).read(
            item.id, item.outcome.output, LOGGED, LOGGED
        )
        gap = f"\n[... {printed.omitted} bytes ...]\n".encode() if printed.omitted else b""
        head = f"--- eval {item.id} of agent {item.agent}\n".encode()
        body = printed.head + gap + printed.tail
        end = b"---\n" if body.endswith(b"\n") else b"\n---\n"
        session_log.append(log, head + body + end)

    # Housekeeping

    def tidy(self) -> None:
        """Keep the logs of living sessions small; called from time to time."""
        for key in self._live:
            session_log.rotate(self._paths.session_log(key))

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background that must be done before the daemon ends."""
        self._background(work, self._chores)

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background that the next daemon will do if this one ends."""
        self._background(work, self._watches)

    async def to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something that goes on when whoever waits for it goes away, like a `watch`."""
        return await asyncio.shield(self._background(work, self._watches))

    @staticmethod
    def _background(
        work: Coroutine[Any, Any, _T], tasks: set[asyncio.Task[Any]]
    ) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(note_failure)
        return task

    async def close(self) -> None:
        """Let go of everything; processes that still run go on."""
        for task in self._watches:
            task.cancel()
        await self.keeper.close()
        await asyncio.gather(*self._chores, *self._watches, return_exceptions=True)
        # First all, so that no end is taken in while the links are closed.
        held = list(self._live.values())
        self._live.clear()
        for live in held:
            live.process.release()
        for live in held:
            await live.link.close()
        self._context.destroy(linger=0)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def note_failure(task: asyncio.Task[Any]) -> None:
    """Log a task's failure unless it was one that somebody is told of anyway."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, SessionError):
        _log.error("%s failed", task.get_name(), exc_info=error)

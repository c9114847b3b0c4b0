"""The terminals attached to one session: opened on it, through its restarts, to their end.

The line editor itself runs in the session, on the eval task's queue. So a person's input and the
agents' evals never mix; the daemon only has to know whose turn it is, because a SIGINT that is
meant for the one must not hit the other (see `kaimond.interrupts.interrupt`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from kaimond.errors import ErrorKind, SessionError
from kaimond.events import TerminalClosed, TerminalOpened
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.interrupt import Interrupted, interrupt
from kaimond.julia_process.process import end_descendants, started_since
from kaimond.terminals.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from kaimond.evals.eval import Eval
    from kaimond.evals.eval_queue import Turn
    from kaimond.events import Bus
    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import LiveProcess
    from kaimond.terminals.terminal import Receiver

_log = logging.getLogger("kaimond.sessions")

VERB: Final = "terminal"
"""Of what is asked of a gate about terminals, and of what it tells of them."""

WHOSE_TURN: Final = "whose-turn"
"""Request id of the question what the gate evaluates. The answer is taken in between its other
words, in the order in which it said them."""

SILENCE: Final = 0.7
"""Seconds without an echo after which a person is told what the session is busy with."""

_FOR_EVER: Final = 86_400.0
_GRACE: Final = 1.0
"""Seconds that children of interrupted input get between SIGTERM and SIGKILL."""

FORCED: Final = b"Force throwing a SIGINT"
"""What Julia writes when it throws at an instruction that is no safepoint."""


class Host(Protocol):
    """The session that terminals are attached to."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def live(self) -> LiveProcess | None:
        """Its process, if it has one now."""

    @property
    def turn(self) -> Turn:
        """Whether a person's input is evaluated."""

    @property
    def running(self) -> Eval | None:
        """The agent's eval that it evaluates now."""

    def turn_changed(self) -> None:
        """A person's turn began or ended: take up or go on with agents' evals."""

    def taint(self, why: str) -> None:
        """Code was interrupted by force; ``why`` is a clause for the log."""

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background that the next daemon need not finish."""


class Terminals:
    """The terminals of one session.

    Args:
        host: the session.
        bus: that is told when one is opened and closed.
    """

    def __init__(self, host: Host, bus: Bus) -> None:
        self._host = host
        self._bus = bus
        self._open: dict[str, Terminal] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._interrupting: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    # The client's side

    def open(self, size: tuple[int, int], term: str, receiver: Receiver) -> Terminal:
        """Attach a terminal; its prompt comes when the session is free.

        Args:
            size: rows and columns.
            term: the person's TERM.
            receiver: who shows it.

        Raises:
            SessionError: the machine has no pseudo-terminal for it.
        """
        key = self._host.key
        try:
            terminal = Terminal(key, term, receiver, self._interrupt)
        except OSError as error:
            raise SessionError(
                ErrorKind.NO_TERMINAL,
                f"No terminal was opened, because the machine has none to give: {error}. "
                f"Session {key} is as it was.",
            ) from None
        terminal.pty.resize(*size)
        self._open[terminal.id] = terminal
        self._ask(terminal)
        _log.info("terminal %s attached", terminal.id, extra={"session": key})
        self._bus.publish(TerminalOpened(key, terminal.id))
        return terminal

    def type(self, terminal: Terminal, data: bytes) -> None:
        """Pass on what a person typed, and tell them should the session not even echo it."""
        terminal.type(data)
        self._tell_if_silent(terminal)

    def close(self, terminal: Terminal) -> None:
        """The client of a terminal is gone; the session goes on."""
        self._forget(terminal)
        terminal.close()

    async def close_all(self, text: str, *, again: bool, timeout: float) -> None:
        """The daemon ends: hang up on everybody, with a word, within ``timeout`` seconds."""
        terminals = list(self._open.values())
        for terminal in terminals:
            self._end(terminal, "daemon-ends", text, again=again)
        await asyncio.gather(*(terminal.drained(timeout) for terminal in terminals))

    async def interrupt(self) -> bool | None:
        """Interrupt what a person has entered, also at a terminal that is gone.

        Returns:
            Whether the session is free of it; None if it evaluates nothing of a person.
        """
        live, turn = self._host.live, self._host.turn
        if live is None or not turn.terminal:
            return None
        return (await self._freed(live, turn.terminal)).free

    # The session's side

    def heard(self, message: Message) -> None:
        """Take in a word of the gate about one of the terminals, or about whose turn it is."""
        turn = self._host.turn
        if message.request == WHOSE_TURN:
            if message.verb == "pong":
                self._turn_is(message)
            return
        event = message.get("event")
        if event == "running" and self._host.live:
            turn.begin(message.request)
            self._host.turn_changed()
        elif event == "idle" and turn.terminal == message.request:
            turn.end()
            self._host.turn_changed()
        elif event == "closed":
            terminal = self._open.get(message.request)
            if terminal:
                why = message.get("reason")
                text = f"The line editor has ended: {why}." if why else "Left."
                self._end(terminal, "left", f"{text} Session {terminal.key} goes on.")

    def transport_up(self) -> None:
        """A word of the gate may have been lost with the transport, or with a daemon: ask anew."""
        live = self._host.live
        if live:
            live.link.send(WHOSE_TURN, "ping")
        for terminal in list(self._open.values()):
            # A gate that has it already opens it no second time.
            self._stop_asking(terminal)
            self._ask(terminal)

    def _turn_is(self, pong: Message) -> None:
        turn = self._host.turn
        # A gate that does not tell terminals from evals may still evaluate what it told of before.
        now = pong.get("terminal") or (turn.terminal if turn.terminal == pong.get("eval") else "")
        if now == turn.terminal:
            return
        if now:
            turn.begin(now)
        else:
            turn.end()
        self._host.turn_changed()

    def image_gone(self) -> None:
        """The session is about to have another process image; its terminals wait for that."""
        self._host.turn.end()
        for terminal in self._open.values():
            self._stop_asking(terminal)
            terminal.say("the session restarts; its variables are lost, this terminal stays …")

    def image_ready(self, generation: int) -> None:
        """The session's gate has proved itself: put a line editor on each terminal that waits."""
        for terminal in list(self._open.values()):
            terminal.pty.forget_input()
            terminal.say(f"a fresh Julia, generation {generation}")
            self._ask(terminal)

    def session_ended(self, ending: str) -> None:
        """The session is no more; ``ending`` is a sentence that says why."""
        for terminal in list(self._open.values()):
            self._end(terminal, "session-ended", f"Session {terminal.key} has ended. {ending}")

    # Inside

    def _end(self, terminal: Terminal, kind: str, text: str, *, again: bool = False) -> None:
        self._forget(terminal)
        terminal.end(kind, text, again=again)
        _log.info("terminal %s: %s", terminal.id, kind, extra={"session": terminal.key})

    def _forget(self, terminal: Terminal) -> None:
        self._stop_asking(terminal)
        if self._open.pop(terminal.id, None):
            self._bus.publish(TerminalClosed(terminal.key, terminal.id))

    def _stop_asking(self, terminal: Terminal) -> None:
        task = self._asking.pop(terminal.id, None)
        if task:
            task.cancel()

    def _ask(self, terminal: Terminal) -> None:
        """Have the gate put a line editor on a terminal, as soon as it can."""
        live = self._host.live
        if live is None:
            return
        task = asyncio.create_task(self._opened(live, terminal), name=f"open {terminal.id}")
        self._asking[terminal.id] = task
        self._tell_if_silent(terminal)

    async def _opened(self, live: LiveProcess, terminal: Terminal) -> None:
        fields = (
            ("terminal", terminal.id),
            ("path", terminal.pty.path),
            ("term", terminal.term),
        )
        try:
            answer = await live.link.request(VERB, fields, timeout=_FOR_EVER, repeat=True)
        except GateSilentError:
            # The process has ended or is being replaced; whoever notices says so.
            return
        if answer.verb == "refused":
            why = answer.get("reason")
            if why.startswith("unknown verb"):
                why = "it runs an older gate; `kaimonctl restart` gives it the present one"
            self._end(
                terminal, "refused", f"Session {terminal.key} took no terminal: {why}. It goes on."
            )

    def _tell_if_silent(self, terminal: Terminal) -> None:
        heard = terminal.heard
        asyncio.get_running_loop().call_later(SILENCE, self._silent, terminal, heard)

    def _silent(self, terminal: Terminal, heard: int) -> None:
        """A person typed and saw nothing: code that computes lets no line editor run."""
        if terminal.ended or terminal.heard != heard:
            return
        item = self._host.running
        if item is None or self._host.turn.terminal == terminal.id or terminal.told == item.id:
            return
        terminal.told = item.id
        terminal.say(f"waiting for an agent's eval {item.id} …")

    def _interrupt(self, terminal: Terminal) -> None:
        live = self._host.live
        if live and terminal.id not in self._interrupting:
            self._interrupting.add(terminal.id)
            self._host.watch(self._interrupted(live, terminal))

    async def _interrupted(self, live: LiveProcess, terminal: Terminal) -> None:
        terminal.shown = b""
        try:
            came = await self._freed(live, terminal.id)
        finally:
            self._interrupting.discard(terminal.id)
        if FORCED in terminal.shown and not came.spared_c:
            self._host.taint("a terminal's input was interrupted by force")
        if not came.free and self._host.turn.terminal == terminal.id:
            terminal.say(
                "it cannot be interrupted: the code swallows interrupts, or is in a place that "
                f"they do not reach. `kaimonctl restart {terminal.key}` ends it, and its variables"
            )

    @staticmethod
    async def _freed(live: LiveProcess, terminal: str) -> Interrupted:
        """Interrupt what was entered at a terminal, by the safe ladder; tell what came of it."""
        mine = live.turn.terminal == terminal
        # Interrupting Julia's `run` leaves the child that it waits for running.
        children = started_since(live.process.descendants(), live.turn.began) if mine else []
        came = await interrupt(live, terminal, person=True)
        if children:
            await end_descendants(children, _GRACE)
        return came

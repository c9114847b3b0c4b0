"""The terminals attached to one session, which stay through its restarts.

The line editor runs in the session, on the eval task's queue, so a person's input and agents'
evals never overlap. The daemon only tracks whose turn it is, because a SIGINT that is meant for
one must not hit the other (see `kaimond.interrupts.interrupt`).
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
"""Verb of requests to a gate about terminals, and of its messages about them."""

WHOSE_TURN: Final = "whose-turn"
"""Request id for asking what the gate is evaluating. The answer is handled in order with the gate's
other messages."""

SILENCE: Final = 0.7
"""Seconds without an echo after which a person is told what the session is busy with."""

_FOR_EVER: Final = 86_400.0
_GRACE: Final = 1.0
"""Seconds that children of interrupted input get between SIGTERM and SIGKILL."""

FORCED: Final = b"Force throwing a SIGINT"
"""What Julia prints when it forces a SIGINT through at an instruction that is not a safepoint."""


class Host(Protocol):
    """The session that terminals are attached to."""

    @property
    def key(self) -> str:
        """The session's key."""

    @property
    def live(self) -> LiveProcess | None:
        """The process, if there is one now."""

    @property
    def turn(self) -> Turn:
        """Whether a person's input is being evaluated."""

    @property
    def running(self) -> Eval | None:
        """The agent's eval that is currently running."""

    def turn_changed(self) -> None:
        """Handle the start or end of a person's input: hold back or continue agents' evals."""

    def taint(self, why: str) -> None:
        """Record a forced interrupt; ``why`` is a clause for the log."""

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Run background work that the next daemon need not finish."""


class Terminals:
    """The terminals of one session.

    Args:
        host: the session.
        bus: receives an event when a terminal opens or closes.
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
        """Attach a terminal; its prompt appears when the session is free.

        Args:
            size: rows and columns.
            term: the person's TERM.
            receiver: the client that displays it.

        Raises:
            SessionError: the system has no pseudo-terminal left.
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
        """Pass on typed bytes, and tell the person if the session does not even echo them."""
        terminal.type(data)
        self._tell_if_silent(terminal)

    def close(self, terminal: Terminal) -> None:
        """Close a terminal after its client has gone; the session keeps running."""
        self._forget(terminal)
        terminal.close()

    async def close_all(self, text: str, *, again: bool, timeout: float) -> None:
        """Close all terminals with a message, within ``timeout`` seconds; the daemon is ending."""
        terminals = list(self._open.values())
        for terminal in terminals:
            self._end(terminal, "daemon-ends", text, again=again)
        await asyncio.gather(*(terminal.drained(timeout) for terminal in terminals))

    async def interrupt(self) -> bool | None:
        """Interrupt a person's input, even if its terminal is gone.

        Returns:
            Whether the session is free of it; None if no person's input is being evaluated.
        """
        live, turn = self._host.live, self._host.turn
        if live is None or not turn.terminal:
            return None
        return (await self._freed(live, turn.terminal)).free

    # The session's side

    def heard(self, message: Message) -> None:
        """Handle a gate message about a terminal, or the answer about whose turn it is."""
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
        """Ask the gate again, as messages may have been lost with the transport or a daemon."""
        live = self._host.live
        if live:
            live.link.send(WHOSE_TURN, "ping")
        for terminal in list(self._open.values()):
            # A gate that has this terminal already does not open it twice.
            self._stop_asking(terminal)
            self._ask(terminal)

    def _turn_is(self, pong: Message) -> None:
        turn = self._host.turn
        # A gate that does not tell terminals from evals may still run the input it reported before.
        now = pong.get("terminal") or (turn.terminal if turn.terminal == pong.get("eval") else "")
        if now == turn.terminal:
            return
        if now:
            turn.begin(now)
        else:
            turn.end()
        self._host.turn_changed()

    def image_gone(self) -> None:
        """Let the terminals wait for the session's next process image."""
        self._host.turn.end()
        for terminal in self._open.values():
            self._stop_asking(terminal)
            terminal.say("the session restarts; its variables are lost, this terminal stays …")

    def image_ready(self, generation: int) -> None:
        """Put a line editor on each waiting terminal, now that the new image has proved itself."""
        for terminal in list(self._open.values()):
            terminal.pty.forget_input()
            terminal.say(f"a fresh Julia, generation {generation}")
            self._ask(terminal)

    def session_ended(self, ending: str) -> None:
        """Close all terminals; ``ending`` is a sentence that says why the session ended."""
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
        """Ask the gate to put a line editor on a terminal as soon as it can."""
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
            # The process has ended or is being replaced; whoever notices reports it.
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
        """Tell a person why typing has no effect: running code blocks the line editor."""
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
        """Interrupt input from a terminal safely, and end the children it started."""
        mine = live.turn.terminal == terminal
        # Interrupting Julia's `run` does not end the child process that it waits for.
        children = started_since(live.process.descendants(), live.turn.began) if mine else []
        came = await interrupt(live, terminal, person=True)
        if children:
            await end_descendants(children, _GRACE)
        return came

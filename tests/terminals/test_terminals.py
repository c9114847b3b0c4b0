"""Attached terminals, with a scripted gate and real pseudo-terminals."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import termios
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.errors import SessionError
from kaimond.evals.eval_queue import Turn
from kaimond.events import Bus, Event, TerminalClosed, TerminalOpened
from kaimond.gate.frames import Message
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.interrupt import interrupt
from kaimond.terminals import terminals as module
from kaimond.terminals.outbox import Outbox
from kaimond.terminals.pty import INPUT_LIMIT, Pty
from kaimond.terminals.terminals import Terminals
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping

    from kaimond.julia_process.live import LiveProcess
    from kaimond.terminals.terminal import Terminal
    from kaimond.terminals.terminals import Host

KEY = "0a1b2c3d"


# The outbox


def test_an_outbox_keeps_order_and_gives_no_more_than_is_asked_for() -> None:
    box = Outbox()
    box.put(b"abc")
    box.put(b"def")
    assert (box.take(4), box.take(4), box.take(4)) == (b"abcd", b"ef", b"")


def test_a_full_outbox_leaves_out_the_oldest_and_says_how_much() -> None:
    box = Outbox(limit=10)
    box.put(b"x" * 15)
    box.put(b"0123456789")
    assert len(box) == 10
    taken = box.take(100)
    assert taken.endswith(b"\r\n0123456789")
    assert b"15 bytes left out" in taken
    assert box.take(100) == b""


# The pseudo-terminal


@pytest.fixture
async def heard() -> list[bytes]:
    return []


@pytest.fixture
async def pty(heard: list[bytes]) -> AsyncIterator[Pty]:
    made = Pty(heard.append)
    yield made
    made.close()


@pytest.fixture
def slave(pty: Pty) -> Iterator[int]:
    descriptor = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
    yield descriptor
    os.close(descriptor)


def set_raw(descriptor: int, *, raw: bool) -> None:
    modes = termios.tcgetattr(descriptor)
    flags = termios.ISIG | termios.ICANON | termios.ECHO
    modes[3] = modes[3] & ~flags if raw else modes[3] | flags
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)


async def test_what_the_session_writes_is_taken_at_once_however_much(
    pty: Pty, slave: int, heard: list[bytes]
) -> None:
    # A pseudo-terminal holds a few KiB, so this would block for ever if nobody read.
    await asyncio.to_thread(os.write, slave, b"x" * 200_000)
    await until(lambda: sum(map(len, heard)) == 200_000)


async def test_what_is_typed_waits_until_the_session_reads_up_to_a_limit(
    pty: Pty, slave: int
) -> None:
    set_raw(slave, raw=True)
    assert pty.write(b"y" * (INPUT_LIMIT // 2))
    assert not pty.write(b"z" * INPUT_LIMIT)
    total = 0
    while total < INPUT_LIMIT // 2:
        data = await asyncio.to_thread(os.read, slave, 2**16)
        assert set(data) == {ord("y")}
        total += len(data)


async def test_a_size_reaches_the_session(pty: Pty, slave: int) -> None:
    pty.resize(31, 97)
    assert os.get_terminal_size(slave) == (97, 31)


async def test_raw_mode_tells_a_key_from_an_interrupt(pty: Pty, slave: int) -> None:
    assert pty.cooked
    set_raw(slave, raw=True)
    assert not pty.cooked


async def test_a_closed_pseudo_terminal_is_harmless(pty: Pty, slave: int) -> None:
    pty.close()
    pty.close()
    pty.resize(1, 1)
    pty.forget_input()
    assert pty.write(b"x")
    assert not pty.cooked
    with pytest.raises(OSError, match="Input/output"):
        os.write(slave, b"x")


# Terminals on a session


@dataclass
class Gate:
    """A link that answers as the test says."""

    asked: list[tuple[str, dict[str, str | bytes]]] = field(default_factory=list)
    answers: dict[str, asyncio.Queue[Message | Exception]] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, request: str, verb: str) -> None:
        self.sent.append((request, verb))

    def will_say(self, verb: str, answer: Message | Exception) -> None:
        self.answers.setdefault(verb, asyncio.Queue()).put_nowait(answer)

    async def request(
        self, verb: str, fields: Iterable[tuple[str, str | bytes]] = (), **_: Any
    ) -> Message:
        self.asked.append((verb, dict(fields)))
        answer = await self.answers.setdefault(verb, asyncio.Queue()).get()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Process:
    """Takes signals."""

    signals: list[int] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)
    exited: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)

    def descendants(self) -> list[Any]:
        return []


@dataclass
class Julia:
    """What `LiveProcess` is to the terminals."""

    link: Gate = field(default_factory=Gate)
    process: Process = field(default_factory=Process)
    turn: Turn = field(default_factory=Turn)

    @property
    def signal_lock(self) -> Julia:
        return self

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        yield True


@dataclass
class Item:
    id: str


@dataclass
class Session:
    """Notes whose turn it was, and what its terminals asked of it."""

    key: str = KEY
    julia: Julia = field(default_factory=Julia)
    running: Item | None = None
    turns: list[str] = field(default_factory=list)
    tainted: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def live(self) -> Julia:
        return self.julia

    @property
    def turn(self) -> Turn:
        return self.julia.turn

    def turn_changed(self) -> None:
        self.turns.append(self.turn.terminal)

    def taint(self, why: str) -> None:
        self.tainted.append(why)

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))


@dataclass
class Client:
    """Whoever shows the terminal."""

    said: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    stalls: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False

    def __post_init__(self) -> None:
        self.stalls.set()

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        await self.stalls.wait()
        if self.gone:
            raise ConnectionResetError
        self.said.append((method, params))

    def shown(self) -> bytes:
        return b"".join(
            base64.b64decode(params["data"])
            for method, params in self.said
            if method == "attach.output"
        )

    def end(self) -> Mapping[str, Any] | None:
        return next((params for method, params in self.said if method == "attach.ended"), None)


class Desk:
    """Terminals of one session."""

    def __init__(self) -> None:
        self.session = Session()
        self.client = Client()
        self.events: list[Event] = []
        bus = Bus()
        bus.subscribe(TerminalOpened, self.events.append)
        bus.subscribe(TerminalClosed, self.events.append)
        self.terminals = Terminals(cast("Host", self.session), bus)

    @property
    def gate(self) -> Gate:
        return self.session.julia.link

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return self.session.tasks

    def attach(self) -> Terminal:
        return self.terminals.open((24, 80), "xterm", self.client)

    def says(self, terminal: Terminal, event: str, reason: str = "") -> None:
        fields = (("event", event.encode()), ("reason", reason.encode()))
        self.terminals.heard(Message(terminal.id, "terminal", fields))

    def evaluates(self, **facts: str) -> None:
        """The gate answers what it was asked when the transport came up."""
        self.terminals.transport_up()
        request, verb = self.gate.sent.pop()
        assert verb == "ping"
        fields = tuple((name, value.encode()) for name, value in facts.items())
        self.terminals.heard(Message(request, "pong", fields))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.client.gone = True
    made.client.stalls.set()
    await made.terminals.close_all("the test ends", again=False, timeout=5)
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_the_gate_is_told_where_the_terminal_is(desk: Desk) -> None:
    terminal = desk.attach()
    await until(lambda: desk.gate.asked)
    verb, fields = desk.gate.asked[0]
    assert verb == "terminal"
    assert fields == {"terminal": terminal.id, "path": terminal.pty.path, "term": "xterm"}
    assert len(desk.terminals) == 1


async def test_a_gate_that_refuses_ends_the_terminal_with_its_reason(desk: Desk) -> None:
    desk.gate.will_say("terminal", Message("1", "refused", (("reason", b"no such file"),)))
    desk.attach()
    await until(desk.client.end)
    end = desk.client.end()
    assert end
    assert end["kind"] == "refused"
    assert "no such file" in end["text"]
    assert len(desk.terminals) == 0


async def test_an_old_gate_is_told_with_its_cure(desk: Desk) -> None:
    refusal = Message("1", "refused", (("reason", b'unknown verb "terminal"'),))
    desk.gate.will_say("terminal", refusal)
    desk.attach()
    await until(desk.client.end)
    end = desk.client.end()
    assert end
    assert "restart" in end["text"]


async def test_a_machine_without_pseudo_terminals_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", none_left)
    with pytest.raises(SessionError, match="has none to give"):
        desk.attach()


async def test_a_persons_turn_holds_the_agents_evals_back(desk: Desk) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    assert desk.session.turn.terminal == terminal.id
    desk.says(terminal, "idle")
    assert desk.session.turn.terminal == ""
    assert desk.session.turns[1:] == [""]


async def test_a_word_that_was_lost_with_the_transport_holds_nobody_back_for_ever(
    desk: Desk,
) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    desk.evaluates(eval="", terminal="")
    assert desk.session.turn.terminal == ""
    assert desk.session.turns[1:] == [""]
    await until(lambda: "terminal" in [verb for verb, _ in desk.gate.asked])


async def test_what_was_entered_while_another_daemon_was_there_is_a_persons_turn(
    desk: Desk,
) -> None:
    desk.evaluates(eval="feedf00d", terminal="feedf00d")
    assert desk.session.turn.terminal == "feedf00d"
    # Its terminal is gone, and yet its end is told.
    fields = (("event", b"idle"), ("reason", b""))
    desk.terminals.heard(Message("feedf00d", "terminal", fields))
    assert desk.session.turn.terminal == ""
    assert desk.session.turns[1:] == [""]


async def test_an_agents_eval_is_nobody_elses_turn(desk: Desk) -> None:
    desk.evaluates(eval="feedf00d", terminal="")
    assert desk.session.turn.terminal == ""
    assert desk.session.turns == []


async def test_an_older_gate_that_still_evaluates_for_a_person_is_not_taken_for_idle(
    desk: Desk,
) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    desk.evaluates(eval=terminal.id)
    assert desk.session.turn.terminal == terminal.id
    assert desk.session.turns == [terminal.id]


async def test_leaving_the_line_editor_ends_the_terminal_and_nothing_else(desk: Desk) -> None:
    terminal = desk.attach()
    desk.says(terminal, "closed")
    await until(desk.client.end)
    end = desk.client.end()
    assert end
    assert (end["kind"], end["again"]) == ("left", False)
    assert "goes on" in end["text"]


async def test_a_restart_keeps_the_terminal_and_puts_a_line_editor_on_it_again(desk: Desk) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    await until(lambda: len(desk.gate.asked) == 1)
    desk.terminals.image_gone()
    assert desk.session.turn.terminal == ""
    desk.terminals.image_ready(2)
    await until(lambda: len(desk.gate.asked) == 2)
    assert desk.gate.asked[0] == desk.gate.asked[1]
    await until(lambda: b"generation 2" in desk.client.shown())
    assert desk.client.end() is None


async def test_the_end_of_the_session_is_the_last_word(desk: Desk) -> None:
    terminal = desk.attach()
    slave = os.open(terminal.pty.path, os.O_RDWR | os.O_NOCTTY)
    os.write(slave, b"last words")
    os.close(slave)
    desk.terminals.session_ended("Its process exited with code 3, unasked.")
    await until(desk.client.end)
    assert b"last words" in desk.client.shown()
    assert "code 3" in str(desk.client.end())


async def test_a_daemon_that_makes_way_for_another_has_its_clients_come_again(desk: Desk) -> None:
    terminal = desk.attach()
    await desk.terminals.close_all("kaimond is replaced.", again=True, timeout=5)
    end = desk.client.end()
    assert end
    assert (end["kind"], end["again"]) == ("daemon-ends", True)
    assert not terminal.pty.open


async def test_a_client_that_does_not_read_costs_nothing_but_its_own_output(desk: Desk) -> None:
    desk.client.stalls.clear()
    terminal = desk.attach()
    slave = os.open(terminal.pty.path, os.O_RDWR | os.O_NOCTTY)
    # The session is not kept from writing.
    await asyncio.to_thread(os.write, slave, b"z" * 1_000_000)
    await asyncio.to_thread(os.write, slave, b"the end")
    os.close(slave)
    desk.client.stalls.set()
    await until(lambda: b"the end" in desk.client.shown())
    shown = desk.client.shown()
    assert b"left out: this terminal is slow" in shown
    assert len(shown) < 500_000


async def test_a_client_that_is_gone_hangs_up(desk: Desk) -> None:
    terminal = desk.attach()
    desk.terminals.close(terminal)
    assert not terminal.pty.open
    assert len(desk.terminals) == 0
    assert desk.events == [TerminalOpened(KEY, terminal.id), TerminalClosed(KEY, terminal.id)]


async def test_a_person_who_sees_no_echo_is_told_what_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.01)
    desk.session.running = Item("feedf00d")
    terminal = desk.attach()
    slave = os.open(terminal.pty.path, os.O_RDWR | os.O_NOCTTY)
    # Nobody echoes in raw mode.
    set_raw(slave, raw=True)
    desk.terminals.type(terminal, b"x")
    await until(lambda: b"waiting for an agent's eval feedf00d" in desk.client.shown())
    desk.terminals.type(terminal, b"y")
    os.write(slave, b"an echo")
    await until(lambda: b"an echo" in desk.client.shown())
    assert desk.client.shown().count(b"waiting") == 1
    os.close(slave)


# ^C


async def test_a_control_c_is_a_key_in_raw_mode(desk: Desk) -> None:
    terminal = desk.attach()
    slave = os.open(terminal.pty.path, os.O_RDWR | os.O_NOCTTY)
    set_raw(slave, raw=True)
    desk.terminals.type(terminal, b"ab\x03c")
    assert await asyncio.to_thread(os.read, slave, 100) == b"ab\x03c"
    assert not desk.tasks
    os.close(slave)


async def test_a_control_c_while_input_is_evaluated_climbs_the_ladder(desk: Desk) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    for _ in range(3):
        desk.gate.will_say("interrupt", GateSilentError())
    desk.gate.will_say("interrupt", Message("1", "interrupt", (("outcome", b"thrown"),)))
    desk.gate.will_say("interrupt", Message("2", "interrupt", (("outcome", b"not-running"),)))
    desk.terminals.type(terminal, b"\x03")
    await until(lambda: desk.tasks and desk.tasks[0].done())
    assert ("interrupt", {"eval": terminal.id}) in desk.gate.asked
    assert set(desk.session.julia.process.signals) == {signal.SIGINT}


async def test_what_was_entered_at_a_terminal_that_is_gone_can_be_interrupted(desk: Desk) -> None:
    assert await desk.terminals.interrupt() is None
    desk.evaluates(eval="feedf00d", terminal="feedf00d")
    desk.gate.will_say("interrupt", Message("1", "interrupt", (("outcome", b"thrown"),)))
    desk.gate.will_say("interrupt", Message("2", "interrupt", (("outcome", b"not-running"),)))
    assert await desk.terminals.interrupt()
    assert desk.gate.asked == [("interrupt", {"eval": "feedf00d"})] * 2


async def test_a_signal_hits_only_those_whose_turn_it_is(desk: Desk) -> None:
    live = cast("LiveProcess", desk.session.julia)
    for turn, eval_id, person in (
        ("feedf00d", "0badcafe", False),
        ("", "feedf00d", True),
        ("deadbeef", "feedf00d", True),
    ):
        desk.session.turn.terminal = turn
        desk.gate.will_say("interrupt", GateSilentError())
        desk.gate.will_say("interrupt", Message("1", "interrupt", (("outcome", b"not-running"),)))
        assert (await interrupt(live, eval_id, person=person)).free
    assert desk.session.julia.process.signals == []


async def test_input_that_was_interrupted_by_force_taints_the_session(desk: Desk) -> None:
    terminal = desk.attach()
    desk.says(terminal, "running")
    desk.terminals.type(terminal, b"\x03")
    await until(lambda: ("interrupt", {"eval": terminal.id}) in desk.gate.asked)
    slave = os.open(terminal.pty.path, os.O_RDWR | os.O_NOCTTY)
    os.write(slave, b"WARNING: Force throwing a SIGINT\n")
    os.close(slave)
    await until(lambda: b"Force" in desk.client.shown())
    desk.gate.will_say("interrupt", Message("1", "interrupt", (("outcome", b"not-running"),)))
    await until(lambda: desk.session.tainted)

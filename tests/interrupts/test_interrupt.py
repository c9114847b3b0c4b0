"""The ladder: questions first, signals only to a gate that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from kaimond import platform
from kaimond.evals.eval_queue import Turn
from kaimond.gate.frames import Message
from kaimond.gate.link import GateSilentError
from kaimond.interrupts import interrupt
from kaimond.interrupts.ask_gate import Wait, is_mute
from kaimond.julia_process import code_location
from kaimond.julia_process.code_location import Place
from kaimond.julia_process.forced_signals import Forcing
from kaimond.julia_process.signal_lock import SignalLock
from kaimond.platform.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaimond.julia_process.live import LiveProcess

USER, COMPILER = {Place.USER}, {Place.COMPILER, Place.RUNTIME}


@dataclass
class Scripted:
    """A session that answers questions as a test says, and notes what is done to it."""

    answers: list[str]
    seen: set[Place] = field(default_factory=lambda: COMPILER)
    done: list[str] = field(default_factory=list)
    pid: int = 7
    turn: Turn = field(default_factory=Turn)
    waits: bool = False
    shielded: bool = False
    exited: asyncio.Future[None] = field(default_factory=asyncio.Future)
    forcing: Forcing = field(default_factory=Forcing)

    @property
    def process(self) -> Scripted:
        return self

    @property
    def link(self) -> Scripted:
        return self

    async def request(self, verb: str, fields: object, *, timeout: float) -> Message:
        assert (verb, fields) == ("interrupt", (("eval", "0a"),))
        self.done.append("asked")
        answer = self.answers.pop(0) if self.answers else "not-running"
        if answer == "silent":
            raise GateSilentError("no answer")
        return Message("1", "interrupt", (("outcome", answer.encode()),))

    @property
    def signal_lock(self) -> Scripted:
        return self

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        yield not self.shielded

    def signal(self, number: int) -> None:
        self.done.append("signal")


async def climb(
    monkeypatch: pytest.MonkeyPatch, scripted: Scripted, *, watches: bool = False
) -> interrupt.Interrupted:
    async def look(_: int) -> set[Place]:
        scripted.done.append("looked")
        return scripted.seen

    monkeypatch.setattr(code_location, "look", look)
    monkeypatch.setattr(platform, "is_pending", lambda *_: False)
    monkeypatch.setattr(platform, "waits_for_events", lambda _: scripted.waits)
    return await interrupt.interrupt(cast("LiveProcess", scripted), "0a", watches=watches)


async def test_code_that_waits_gets_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted(["not-now", "thrown", "thrown"])
    came = await climb(monkeypatch, scripted)
    assert came == interrupt.Interrupted(free=True, asked=False)
    assert set(scripted.done) == {"asked"}


async def test_each_signal_follows_a_question_and_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted(["silent"] * 5, USER)
    assert (await climb(monkeypatch, scripted)).free
    assert scripted.done == ["asked", "looked", "signal"] * 5 + ["asked"]


@pytest.mark.parametrize(
    ("seen", "spared"),
    [
        ({Place.USER}, True),
        ({Place.USER, Place.IMAGE}, True),
        ({Place.USER, Place.SYSTEM}, False),
    ],
)
async def test_c_code_is_spared_where_only_julia_code_was_forced(
    monkeypatch: pytest.MonkeyPatch, seen: set[Place], *, spared: bool
) -> None:
    assert (await climb(monkeypatch, Scripted(["silent"] * 5, seen))).spared_c is spared
    # Fewer are not forced, so what was is not known.
    assert not (await climb(monkeypatch, Scripted(["silent"] * 3, seen))).spared_c


async def test_where_the_end_of_forced_code_is_described_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Described(Scripted):
        def signal(self, number: int) -> None:
            super().signal(number)
            if self.done.count("signal") == 5:
                self.seen = {Place.RUNTIME, Place.USER}

    assert (await climb(monkeypatch, Described(["silent"] * 6, {Place.USER}))).spared_c


def test_julia_forces_the_fifth_of_a_quick_series_and_is_deaf_then() -> None:
    forcing = Forcing()
    assert [forcing.forces(0.05 * number) for number in range(5)] == [False] * 4 + [True]
    assert not forcing.hears(0.6)
    assert forcing.hears(0.8)
    # The next series begins with a weight.
    assert [forcing.forces(60 + 0.05 * number) for number in range(4)] == [False] * 3 + [True]
    slow = Forcing()
    assert not any(slow.forces(0.6 * number) for number in range(50))


async def test_a_gate_that_waits_for_events_gets_no_signal_however_late_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = Scripted(["silent", "silent"], USER, waits=True)
    assert (await climb(monkeypatch, scripted)).free
    assert "signal" not in scripted.done


async def test_a_gate_that_answers_while_it_is_looked_at_gets_no_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = asyncio.Event()

    class Late(Scripted):
        async def request(self, verb: str, fields: object, *, timeout: float) -> Message:
            await looked.wait()
            return await super().request(verb, fields, timeout=timeout)

    async def look(_: int) -> set[Place]:
        looked.set()
        return USER

    scripted = Late([])
    monkeypatch.setattr(code_location, "look", look)
    assert (await interrupt.interrupt(cast("LiveProcess", scripted), "0a")).free
    assert scripted.done == ["asked"]


@pytest.mark.parametrize(
    ("now", "waited", "mute"),
    [
        (Thread(1.02, sleeps=False, waits=5), 0.02, True),
        (Thread(1.01, sleeps=False, waits=5), 9.0, False),
        (Thread(1.00, sleeps=True, waits=5), 0.02, False),
        (Thread(1.00, sleeps=True, waits=5), 0.04, True),
        (Thread(1.02, sleeps=False, waits=6), 0.04, False),
        (Thread(1.02, sleeps=False, waits=6), 0.16, True),
        (Thread(1.00, sleeps=True, waits=6), 0.04, False),
        (Thread(1.00, sleeps=True, waits=6), 0.16, True),
        (None, 0.02, False),
        (None, 0.04, True),
    ],
)
def test_a_gate_that_has_waited_in_between_gets_time_to_hear_the_question(
    now: Thread | None, waited: float, *, mute: bool
) -> None:
    before = Thread(1.0, sleeps=False, waits=5)
    assert is_mute(before, now, waited, Wait(computed=0.015, slept=0.03)) is mute


async def test_code_that_watches_for_its_end_is_told_to_have_been_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came = await climb(monkeypatch, Scripted(["asked", "asked"]), watches=True)
    assert came == interrupt.Interrupted(free=True, asked=True)


async def test_what_swallows_everything_is_given_up() -> None:
    scripted = Scripted(["thrown"] * 1000)
    came = await interrupt.interrupt(cast("LiveProcess", scripted), "0a", limit=0.1)
    assert not came.free


async def test_nothing_is_done_to_a_process_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted(["silent"])
    scripted.exited.set_result(None)
    assert not (await climb(monkeypatch, scripted)).free
    assert scripted.done == []


@pytest.mark.parametrize(
    ("seen", "at_once", "later"),
    [
        ({Place.USER}, True, True),
        ({Place.USER, Place.IMAGE, Place.SYSTEM}, True, True),
        ({Place.USER, Place.RUNTIME}, False, True),
        ({Place.USER, Place.FOREIGN}, False, True),
        ({Place.FOREIGN, Place.SYSTEM}, False, True),
        ({Place.COMPILER, Place.USER}, False, False),
        ({Place.IMAGE, Place.RUNTIME, Place.SYSTEM}, False, False),
        ({Place.SYSTEM}, False, True),
        (set(), False, True),
    ],
)
def test_only_the_users_own_code_is_forced_at_once_and_the_compiler_never(
    seen: set[Place], at_once: bool, later: bool
) -> None:
    assert interrupt.may_force(seen, 0.1) is at_once
    assert interrupt.may_force(seen, 3.0) is later


async def test_what_is_over_gets_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(_: int) -> set[Place]:
        return USER

    monkeypatch.setattr(code_location, "look", look)
    scripted = Scripted(["silent"])
    over = partial(bool, True)
    assert (await interrupt.interrupt(cast("LiveProcess", scripted), "0a", over=over)).free
    assert "signal" not in scripted.done


async def test_a_gate_that_has_raised_its_shield_gets_no_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = Scripted(["silent", "silent"], USER, shielded=True)
    assert (await climb(monkeypatch, scripted)).free
    assert "signal" not in scripted.done


def test_a_shield_is_what_its_gate_says_and_is_held_up_while_a_signal_is_on_its_way(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.lock"
    with SignalLock(path).taken() as may:
        assert not may, "without a gate nothing may be interrupted"
    with path.open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        with SignalLock(path).taken() as may:
            assert not may
        fcntl.flock(gate, fcntl.LOCK_UN)
        with SignalLock(path).taken() as may:
            assert may
            with pytest.raises(BlockingIOError):
                fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)

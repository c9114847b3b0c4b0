"""Waiting for an eval, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from kaimond.evals.eval import Status
from kaimond.gate.frames import Message
from kaimond.mcp import waiting
from kaimond.mcp.waiting import wait_for
from tests.sessions.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call

START = 1000.0
MINUTES_20 = 1200.0


class World:
    """A session, a clock, and what an agent was told when."""

    def __init__(self, directory: Path) -> None:
        self.desk = Desk(directory)
        self.clock = START
        self.said: list[tuple[float, str]] = []
        self.events: dict[float, str] = {}
        session = SimpleNamespace(notes_of=self.desk.runner.notes_of, live=None, running=None)
        sessions = SimpleNamespace(get=lambda _: session)
        supervisor = SimpleNamespace(history=self.desk.history, sessions=sessions)
        paths = SimpleNamespace(session_spool=lambda _: directory / "spool")
        core = SimpleNamespace(supervisor=supervisor, paths=paths)
        call = SimpleNamespace(core=core, say=self.say, cancelled=lambda: False)
        self.call = cast("Call", call)

    async def say(self, sentence: str) -> None:
        self.said.append((self.clock, sentence))

    async def pass_time(self, futures: list[asyncio.Future[Eval]], timeout: float) -> None:
        """In place of asyncio.wait: time passes at once, and what is due then happens."""
        self.clock += timeout
        for due in [when for when in self.events if when <= self.clock - START]:
            self.happen(self.events.pop(due))
        for _ in range(3):
            await asyncio.sleep(0)

    def happen(self, event: str) -> None:
        running = self.desk.runner.running
        assert running
        if event == "result":
            self.desk.result(running.id, **{"value:text/plain": "whole"})
        elif event.startswith("progress"):
            self.desk.hear(Message(running.id, "notes", (("progress", event.encode()),)))
        else:
            with self.desk.spool.path(running.id).open("ab") as file:
                file.write(event.encode())


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World(tmp_path)
    monkeypatch.setattr(
        waiting, "time", SimpleNamespace(monotonic=lambda: made.clock, time=time.time)
    )
    monkeypatch.setattr(asyncio, "wait", made.pass_time)
    yield made
    made.desk.store.close()


async def test_an_eval_of_twenty_silent_minutes_ends_with_its_result_and_the_client_hears_of_it(
    world: World,
) -> None:
    item = world.desk.submit("sleep(1200)")
    world.events[MINUTES_20] = "result"
    ended = await wait_for(world.call, item, 0)
    assert ended.status is Status.DONE
    assert ended.outcome
    assert ended.outcome.text("value:text/plain") == "whole"
    assert world.clock - START >= MINUTES_20
    times = [START, *(when for when, _ in world.said), world.clock]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 10
    assert all(f"eval {item.id} has run for" in sentence for _, sentence in world.said)


async def test_patience_ends_and_the_eval_goes_on(world: World) -> None:
    item = world.desk.submit("sleep(1200)")
    left = await wait_for(world.call, item, 30)
    assert left.status is Status.RUNNING
    assert world.clock - START == pytest.approx(30, abs=2)


async def test_output_and_progress_are_told_as_they_come(world: World) -> None:
    item = world.desk.submit("work()")
    world.events = {2.0: "first line\n", 3.0: "progress 50 %", 20.0: "result"}
    await wait_for(world.call, item, 0)
    sentences = [sentence for _, sentence in world.said]
    assert sentences[:2] == ["first line", "progress 50 %"]
    assert "has run for" in sentences[2]


async def test_of_long_output_the_newest_words_are_told(world: World) -> None:
    item = world.desk.submit("work()")
    world.events = {2.0: "word " * 1000 + "last\n", 20.0: "result"}
    await wait_for(world.call, item, 0)
    sentence = world.said[0][1]
    assert len(sentence) <= 200
    assert sentence.startswith("…word ")
    assert sentence.endswith("word last")

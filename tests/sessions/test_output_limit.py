"""What an eval may print, and all of them together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.config.settings import EvalSettings
from kaimond.evals import output_limit
from kaimond.evals.eval import Status
from kaimond.evals.output_limit import OutputLimit
from kaimond.evals.spool import Spool
from kaimond.gate.frames import Message
from tests.sessions.conftest import KEY
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from kaimond.evals.eval import Eval
    from tests.sessions.conftest import Desk

OTHER = "4e5f6a7b"


class World:
    """Two sessions below one directory, and what was interrupted."""

    def __init__(self, desk: Desk, directory: Path) -> None:
        self.desk = desk
        self.spools = {key: Spool(directory / "spools" / key) for key in (KEY, OTHER)}
        self.runners = {key: desk.another(key, spool) for key, spool in self.spools.items()}
        self.interrupted: list[tuple[str, str]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        settings = EvalSettings(max_output_bytes=100, max_total_output_bytes=250)
        self.limit = OutputLimit(
            directory / "spools", settings, desk.history, self.interrupt, self.background
        )

    async def interrupt(self, item: Eval, why: str) -> None:
        self.interrupted.append((item.id, why))

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def submit(self, key: str) -> Eval:
        return self.runners[key].submit("1", "agent", quiet=True, journal=lambda _: None)

    def prints(self, item: Eval, size: int) -> None:
        with self.spools[item.session].path(item.id).open("ab") as file:
            file.write(b"A" + b"x" * (size - 2) + b"Z")

    def size(self, item: Eval) -> int:
        return self.spools[item.session].size(item.id)

    def ends(self, item: Eval) -> None:
        fields = (("status", b"ok"), ("output", str(self.size(item)).encode()))
        self.runners[item.session].heard(Message(item.id, "result", fields))

    async def look(self) -> bool:
        runs = await self.limit.look()
        await asyncio.sleep(0)
        return runs


@pytest.fixture
async def world(desk: Desk, tmp_path: Path) -> World:
    return World(desk, tmp_path)


async def test_an_eval_that_prints_too_much_is_interrupted_once_and_keeps_what_it_had_printed(
    world: World,
) -> None:
    item = world.submit(KEY)
    assert await world.look()
    world.prints(item, 100)
    await world.look()
    assert world.interrupted == []
    world.prints(item, 50)
    await world.look()
    assert world.interrupted == [
        (item.id, "it had printed more than 100 bytes (eval.max_output_bytes)")
    ]
    # It swallows interrupts.
    world.prints(item, 70)
    await world.look()
    assert world.size(item) == 150
    assert len(world.interrupted) == 1
    world.ends(item)
    world.prints(item, 70)
    assert not await world.look()
    assert world.size(item) == 150, "a child prints after the end of its eval"


async def test_when_all_output_is_too_much_that_of_ended_evals_goes_first(world: World) -> None:
    ended = []
    for size in (80, 90, 70):
        item = world.submit(KEY)
        world.prints(item, size)
        world.ends(item)
        ended.append(item)
    running = world.submit(OTHER)
    world.prints(running, 95)
    await world.look()
    assert [world.size(item) for item in (*ended, running)] == [80, 0, 70, 95]
    assert world.interrupted == []
    dropped = world.desk.history.get(ended[1].id)
    assert dropped
    assert dropped.outcome
    assert len(dropped.outcome.part("output:head")) == 90


async def test_when_running_evals_have_too_much_output_the_largest_is_interrupted(
    world: World,
) -> None:
    small, large = world.submit(KEY), world.submit(OTHER)
    world.prints(small, 90)
    world.prints(large, 95)
    world.limit._settings = EvalSettings(max_output_bytes=100, max_total_output_bytes=150)
    await world.look()
    await world.look()
    why = "it had printed the most of all evals, whose output was more than 150 bytes"
    assert world.interrupted == [(large.id, f"{why} (eval.max_total_output_bytes)")]


async def test_nobody_looks_when_nothing_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_limit, "LOOK_EVERY", 0.01)
    item = world.submit(KEY)
    world.limit.begun()
    world.limit.begun()
    assert len(world.tasks) == 1
    world.prints(item, 150)
    await until(lambda: world.interrupted)
    assert world.tasks
    world.ends(item)
    await until(lambda: not world.tasks)
    world.submit(KEY)
    world.limit.begun()
    assert world.tasks
    world.runners[KEY].close(Status.LOST, "the test is over")
    await until(lambda: not world.tasks)

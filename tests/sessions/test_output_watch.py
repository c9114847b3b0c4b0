"""Growing output, told to whoever subscribes to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.evals import output_watch
from kaimond.evals.output_watch import OutputWatch
from kaimond.events import EvalPrinted
from tests.sessions.conftest import KEY
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from kaimond.evals.eval import Eval
    from tests.sessions.conftest import Desk


class Watched:
    """A session's runner, the watch, and a notebook of what it publishes."""

    def __init__(self, desk: Desk, directory: Path) -> None:
        desk.spool = desk.spool.__class__(directory / KEY)
        desk.adopt()
        self.desk = desk
        self.heard: list[EvalPrinted] = []
        self.tasks: set[asyncio.Task[None]] = set()
        OutputWatch(directory, desk.history, desk.bus, self.background)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def prints(self, item: Eval, text: bytes) -> None:
        with self.desk.spool.path(item.id).open("ab") as file:
            file.write(text)

    async def hears(self, *sizes: int) -> None:
        await until(lambda: [event.bytes for event in self.heard] == list(sizes))


@pytest.fixture
async def watched(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(output_watch, "LOOK_EVERY", 0.001)
    return Watched(desk, tmp_path)


async def test_each_growth_of_a_running_evals_output_is_told_with_its_size(
    watched: Watched,
) -> None:
    watched.desk.bus.subscribe(EvalPrinted, watched.heard.append)
    first, second = watched.desk.submit("1"), watched.desk.submit("2")
    watched.prints(first, b"abc")
    await watched.hears(3)
    watched.prints(first, b"de")
    await watched.hears(3, 5)
    assert watched.heard[0] == EvalPrinted(KEY, first.id, 3)
    watched.desk.result(first.id)
    watched.prints(second, b"f")
    await watched.hears(3, 5, 1)
    watched.desk.result(second.id)
    await until(lambda: not watched.tasks)


async def test_nobody_looks_while_nobody_subscribes(watched: Watched) -> None:
    item = watched.desk.submit("1")
    watched.prints(item, b"abc")
    assert not watched.tasks
    end = watched.desk.bus.subscribe(EvalPrinted, watched.heard.append)
    await watched.hears(3)
    end()
    await until(lambda: not watched.tasks)
    # Somebody who comes later hears of what comes later.
    watched.heard.clear()
    watched.desk.bus.subscribe(EvalPrinted, watched.heard.append)
    watched.prints(item, b"d")
    await watched.hears(4)
    watched.desk.result(item.id)
    await until(lambda: not watched.tasks)

"""What ended sessions leave, and that all of it, and nothing else, is cleared away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond import paths
from kaimond.config.settings import EvalSettings
from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.history import History
from kaimond.evals.spool import Spool
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event
from kaimond.sessions import cleanup
from kaimond.sessions.end import MARK
from kaimond.store.database import Store
from tests.support.children import bury
from tests.support.wait import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class World:
    """What a daemon that was killed has left."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = Store(self.where.database)
        self.registry = Registry(self.store, Bus())
        self.children: list[int] = []

    def session(self, *, ended: bool) -> str:
        """A session with all its files; its key."""
        key = self.registry.create("/p", "", "agent", "julia").key
        self.registry.apply(key, Event.ANSWERED, "test")
        if ended:
            self.registry.apply(
                key, Event.EXITED, "test", ended=1.0, ending="Its process 7 exited with code 3."
            )
        self.where.session_socket(key).touch()
        self.where.announcement(key).touch()
        self.where.session_spool(key).mkdir()
        return key

    def eval(self, key: str, eval_id: str, outcome: Outcome | None = None) -> None:
        """An eval that had begun and printed something."""
        finished = 2.0 if outcome else 0.0
        item = Eval(
            eval_id, key, "boot", "1", "agent", 1.0, began=1.0, finished=finished, outcome=outcome
        )
        self.store.save_eval(eval_id, key, finished, item.to_json())
        Spool(self.where.session_spool(key)).path(eval_id).write_bytes(b"printed")

    def process(self, key: str, *, independent: bool = False) -> int:
        """A process that a session has started; its number."""
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            env={**os.environ, MARK: key},
            start_new_session=independent,
        )
        if not independent and self.registry.get(key):
            # Julia has ended and was the first of the process session.
            self.registry.note(key, pid=os.getsid(child.pid))
        child.returncode = 0
        self.children.append(child.pid)
        return child.pid

    def swept(self) -> History:
        """What the next daemon knows of evals, after it has cleared away."""
        history = History(self.store, Bus(), EvalSettings())
        cleanup.sweep(self.where, history, self.registry, ())
        return history

    def files(self, key: str) -> list[bool]:
        """Whether each of a session's files is there."""
        places = (self.where.session_socket, self.where.announcement, self.where.session_spool)
        return [place(key).exists() for place in places]


def runs(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def world(home: Path) -> AsyncIterator[World]:
    made = World(home)
    yield made
    for pid in made.children:
        bury(pid)
    made.store.close()


async def test_of_sessions_that_ended_everything_is_cleared_away_but_what_evals_printed(
    world: World,
) -> None:
    ended, alive = world.session(ended=True), world.session(ended=False)
    world.eval(ended, "00000001")
    world.eval(ended, "00000002", Outcome(Status.DONE, output=7))
    history = world.swept()
    assert world.files(ended) == [False, False, False]
    assert world.files(alive) == [True, True, True]
    lost = await asyncio.wait_for(history.finished("00000001"), DEADLINE)
    assert lost.status is Status.LOST
    assert lost.outcome
    assert lost.outcome.reason == "Its process 7 exited with code 3"
    assert lost.outcome.text("output:head") == "printed"
    done = history.get("00000002")
    assert done
    assert done.outcome
    assert done.outcome.text("output:head") == "printed"


async def test_files_alone_are_enough_to_clear_away(world: World) -> None:
    ended = world.session(ended=True)
    world.swept()
    assert world.files(ended) == [False, False, False]


async def test_evals_of_a_session_that_lives_and_was_not_taken_up_end_and_its_files_stay(
    world: World,
) -> None:
    key = world.session(ended=False)
    world.registry.apply(key, Event.STOP, "test")
    world.eval(key, "00000001")
    history = world.swept()
    assert world.files(key) == [True, True, True]
    lost = await asyncio.wait_for(history.finished("00000001"), DEADLINE)
    assert lost.outcome
    assert lost.outcome.reason == "the session was stopping when the previous daemon ended"


async def test_evals_of_a_session_that_nobody_knows_end(world: World) -> None:
    world.where.session_spool("0a1b2c3d").mkdir()
    world.eval("0a1b2c3d", "00000001")
    history = world.swept()
    lost = await asyncio.wait_for(history.finished("00000001"), DEADLINE)
    assert lost.outcome
    assert lost.outcome.reason == "the session is unknown"


async def test_processes_of_sessions_that_ended_are_ended_and_no_others(world: World) -> None:
    ended = world.session(ended=True)
    stray = world.process(ended)
    kept = [
        world.process(world.session(ended=False)),
        world.process("ffff0000"),
        world.process(ended, independent=True),
    ]
    await cleanup.end_strays(world.registry)
    await until(lambda: not runs(stray))
    assert [runs(pid) for pid in kept] == [True, True, True]


async def test_a_session_without_a_known_process_leaves_nothing(
    world: World,
) -> None:
    key = world.session(ended=True)
    left, free = world.process(key), world.process(key, independent=True)
    record = world.registry.get(key)
    assert record
    await cleanup.clear_unknown(world.where, world.swept(), record)
    await until(lambda: not runs(left))
    assert runs(free)
    assert world.files(key) == [False, False, False]

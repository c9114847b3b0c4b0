"""Starts, restarts and stops that are proved or refused, with a program in the place of Julia."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond import paths
from kaimond.config.settings import JuliaSettings, SessionSettings, Settings
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.events import Bus
from kaimond.interrupts.cancel import Cancelled
from kaimond.registry.registry import Registry
from kaimond.registry.state import State
from kaimond.store.database import Store
from kaimond.supervisor.supervisor import Supervisor
from tests.support import fake_julia
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kaimond.evals.eval import Eval
    from kaimond.registry.record import Record
    from kaimond.sessions.session import Session


class World:
    """A supervisor of sessions that go wrong as a test says."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.fault_file = home / "fault"
        julia = fake_julia.script(home / "julia", f"FAKE_GATE_FAULT={self.fault_file} ")
        self.project = home / "Proj"
        self.project.mkdir()
        (self.project / "Project.toml").touch()
        self.where.projects_file.parent.mkdir(parents=True, exist_ok=True)
        listed = {"projects": [{"project_path": str(self.project)}]}
        self.where.projects_file.write_text(json.dumps(listed))
        settings = Settings(
            julia=JuliaSettings(command=str(julia)),
            session=SessionSettings(start_timeout=2.0, restart_timeout=1.0, stop_timeout=1.0),
        )
        self.store = Store(self.where.database)
        bus = Bus()
        self.registry = Registry(self.store, bus)
        self.supervisor = Supervisor(
            self.where, settings, self.registry, self.store, dict(os.environ), bus
        )

    def fault(self, what: str) -> None:
        self.fault_file.write_text(what)

    async def start(self) -> Record:
        record, _ = await self.supervisor.start(str(self.project), "", "agent")
        return record

    async def session(self) -> Session:
        found = self.supervisor.sessions.get((await self.start()).key)
        assert found
        return found

    def last(self) -> Record:
        """The record of the newest session, alive or not."""
        return max(self.registry._records.values(), key=lambda record: record.created)


def evaluate(session: Session, code: str) -> Eval:
    return session.evaluate(code, "agent", journal=lambda _: None)


@pytest.fixture
def home() -> Iterator[Path]:
    # A real path: macOS has /tmp as a link.
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def world(home: Path) -> AsyncIterator[World]:
    made = World(home)
    yield made
    made.fault("")
    assert await made.supervisor.stop_all("the test is over") == []
    await made.supervisor.close()
    made.store.close()


# Start


async def test_a_start_is_ready_when_its_own_gate_has_answered(world: World) -> None:
    record = await world.start()
    assert (record.state, record.generation) == (State.READY, 1)
    assert record.boot_id
    assert psutil.pid_exists(record.pid)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("exits", "exited with code 3, unasked"),
        ("silent", "No gate answered within 2 s of its start"),
        ("nonce", "Its gate has the nonce 'another' instead of"),
    ],
)
async def test_a_start_without_proof_is_told_and_leaves_no_process(
    world: World, what: str, words: str
) -> None:
    world.fault(what)
    with pytest.raises(SessionError, match="There is no session") as caught:
        await world.start()
    assert caught.value.kind is ErrorKind.START_FAILED
    assert words in caught.value.message
    record = world.last()
    assert not record.alive
    assert not psutil.pid_exists(record.pid)
    assert world.supervisor.sessions.get(record.key) is None
    if what == "exits":
        assert "a library is missing" in caught.value.message


async def test_a_session_that_is_stopped_while_it_starts_is_not_told_as_broken(
    world: World,
) -> None:
    world.fault("silent")
    starting = asyncio.create_task(world.start())
    await until(lambda: world.registry._records and world.last().pid)
    await world.supervisor.stop(world.last().key, "it was shut down by a test")
    with pytest.raises(SessionError, match="was shut down while it started") as caught:
        await starting
    assert caught.value.kind is ErrorKind.START_ENDED


# Restart


async def test_a_restart_in_place_keeps_the_process_and_proves_a_new_image(world: World) -> None:
    session = await world.session()
    before = session.record
    done = await session.restart("a test wanted it")
    assert (done.record.pid, done.record.generation) == (before.pid, 2)
    assert done.record.boot_id != before.boot_id
    assert done.way.startswith("in place")


@pytest.mark.parametrize("what", ["refuses", "deaf"])
async def test_a_restart_that_does_not_happen_in_place_gets_a_new_process(
    world: World, what: str
) -> None:
    session = await world.session()
    before = session.record
    world.fault(what)
    done = await session.restart("a test wanted it")
    assert done.record.generation == 2
    assert done.record.pid != before.pid
    assert not psutil.pid_exists(before.pid)
    assert done.record.boot_id != before.boot_id


async def test_a_restart_ends_what_runs_and_what_waits_and_says_why(world: World) -> None:
    session = await world.session()
    running, waiting = evaluate(session, "hang"), evaluate(session, "1")
    await session.restart("a test wanted it")
    for item in (running, waiting):
        ended = await world.supervisor.history.finished(item.id)
        assert ended.status is Status.INTERRUPTED
        assert ended.outcome
        assert "a test wanted it" in ended.outcome.reason
    assert session.record.state is State.READY


async def test_a_restart_with_a_broken_configuration_costs_nothing(world: World) -> None:
    session = await world.session()
    before = session.record
    world.where.projects_file.write_text('{"projects": []}')
    with pytest.raises(SessionError, match="was not restarted and is as it was"):
        await session.restart("a test wanted it")
    assert session.record == before
    assert (await world.supervisor.history.finished(evaluate(session, "1").id)).finished


async def test_a_cancel_that_a_restart_overtakes_is_told_as_interrupted(world: World) -> None:
    session = await world.session()
    item = evaluate(session, "hang")
    came, _ = await asyncio.gather(
        session.cancel(item, "it was cancelled by a test"), session.restart("a test wanted it")
    )
    assert came is Cancelled.INTERRUPTED


# Stop


async def test_a_stop_returns_when_the_process_is_gone_and_a_second_one_finds_that(
    world: World,
) -> None:
    session = await world.session()
    pid = session.record.pid
    final = await session.stop("it was shut down by a test")
    assert final.state is State.STOPPED
    assert final.ending.startswith("It was shut down by a test.")
    assert not psutil.pid_exists(pid)
    assert (await world.supervisor.stop(session.key, "again")).ending == final.ending


async def test_evals_that_end_quickly_are_ended_in_their_order(world: World) -> None:
    session = await world.session()
    items = [evaluate(session, str(number)) for number in range(5)]
    ended = [await world.supervisor.history.finished(item.id) for item in items]
    assert [item.status for item in ended] == [Status.DONE] * 5
    assert [item.finished for item in ended] == sorted(item.finished for item in ended)


async def test_a_process_that_dies_ends_its_eval_as_lost(world: World) -> None:
    session = await world.session()
    item = evaluate(session, "exit 7")
    ended = await world.supervisor.history.finished(item.id)
    assert ended.status is Status.LOST
    assert session.record.state is State.CRASHED
    assert session.record.exit_code == 7

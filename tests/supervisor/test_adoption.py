"""What the next daemon makes of sessions that it finds."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import paths, platform
from kaimond.config.settings import Settings
from kaimond.errors import SessionError
from kaimond.events import Bus
from kaimond.julia_process.process import SessionProcess
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event, State
from kaimond.store.database import Store
from kaimond.supervisor.supervisor import Supervisor
from kaimond.toolchain.find_julia import Julia
from kaimond.toolchain.start_plan import Plan, Planner
from tests.support.wait import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class World:
    """A database that the previous daemon has left, and the next daemon."""

    def __init__(self, home: Path) -> None:
        where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = Store(where.database)
        bus = Bus()
        self.registry = Registry(self.store, bus)
        self.supervisor = Supervisor(where, Settings(), self.registry, self.store, os.environ, bus)
        self.project = home / "Proj"
        self.project.mkdir()
        (self.project / "Project.toml").touch()
        where.projects_file.parent.mkdir(parents=True)
        listed = {"projects": [{"project_path": str(self.project)}]}
        where.projects_file.write_text(json.dumps(listed))

    async def ended_child(self, code: str) -> str:
        """A session whose process has ended and that nobody has waited for; its key."""
        key = self.registry.create(str(self.project), code, "agent", "julia").key
        child = subprocess.Popen([sys.executable, "-c", code])  # noqa: ASYNC220 - see above
        self.registry.note(key, pid=child.pid, process_start=platform.process_start(child.pid))
        self.registry.apply(key, Event.ANSWERED, "test")
        await until(lambda: platform.is_zombie(child.pid))
        child.returncode = 0
        return key


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
    await made.supervisor.close()
    made.store.close()


async def test_how_a_process_ended_between_two_images_of_the_daemon_is_recorded(
    world: World,
) -> None:
    exited = await world.ended_child("import sys; sys.exit(3)")
    killed = await world.ended_child("import os; os.kill(os.getpid(), 9)")
    asked = await world.ended_child("")
    world.registry.apply(asked, Event.STOP, "test")
    world.supervisor.adopt_all()
    records = [world.registry.get(key) for key in (exited, killed, asked)]
    assert [record and record.ending for record in records] == [
        "Its process exited with code 3 while no daemon was running.",
        "Its process was killed by SIGKILL while no daemon was running.",
        "As was asked, its process exited with code 0 while no daemon was running.",
    ]
    assert [record and (record.exit_code, record.exit_signal) for record in records] == [
        (3, None),
        (None, 9),
        (0, None),
    ]
    assert [record and record.state for record in records] == [
        State.CRASHED,
        State.CRASHED,
        State.STOPPED,
    ]


async def test_how_somebody_elses_child_ended_is_not_made_up(world: World) -> None:
    key = await world.ended_child("")
    record = world.registry.get(key)
    assert record
    os.waitpid(record.pid, 0)  # noqa: ASYNC222 - it has ended
    world.supervisor.adopt_all()
    record = world.registry.get(key)
    assert record
    assert record.ending == "Its process ended while no daemon was running."
    assert (record.exit_code, record.exit_signal) == (None, None)


class Slow:
    """A planner that thinks until it is told to go on; and no process that is really spawned."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.thinks = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.spawned = 0
        monkeypatch.setattr(Planner, "plan", self.plan)
        monkeypatch.setattr(SessionProcess, "spawn", self.spawn)

    async def plan(self, *_: object) -> Plan:
        self.thinks.set()
        await self.may_go_on.wait()
        return Plan(self.world.project, Julia("julia", "1.9.0"), (), {}, ())

    def spawn(self, *_: object, **__: object) -> SessionProcess:
        self.spawned += 1
        raise OSError(12, "Cannot allocate memory")


async def test_a_session_that_is_ended_while_its_restart_is_finished_gets_no_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(world, monkeypatch)
    key = await world.ended_child("")
    world.registry.apply(key, Event.RESTART, "test")
    world.supervisor.adopt_all()
    await asyncio.wait_for(slow.thinks.wait(), DEADLINE)
    record = await world.supervisor.stop(key, "it was shut down by a test")
    assert record.state is State.STOPPED
    slow.may_go_on.set()
    await world.supervisor.settled(key)
    assert slow.spawned == 0
    record = await world.supervisor.stop(key, "it was shut down again")
    assert record.ending == "It was shut down by a test."


async def test_a_daemon_that_ends_starts_nothing_that_was_still_being_planned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(world, monkeypatch)
    starting = asyncio.create_task(world.supervisor.start(str(world.project), "", "agent"))
    await asyncio.wait_for(slow.thinks.wait(), DEADLINE)
    assert await world.supervisor.stop_all("kaimond ended") == []
    slow.may_go_on.set()
    with pytest.raises(SessionError, match="kaimond is ending, so no session was started"):
        await starting
    assert slow.spawned == 0
    assert world.registry.alive() == []

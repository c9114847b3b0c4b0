"""What the next daemon makes of sessions that it finds."""

from __future__ import annotations

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
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event, State
from kaimond.registry.store import Store
from kaimond.supervisor.supervisor import Supervisor
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class World:
    """A database that the previous daemon has left, and the next daemon."""

    def __init__(self, home: Path) -> None:
        where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = Store(where.database)
        self.registry = Registry(self.store)
        self.supervisor = Supervisor(where, Settings(), self.registry, self.store, os.environ)

    async def ended_child(self, code: str) -> str:
        """A session whose process has ended and that nobody has waited for; its key."""
        key = self.registry.create("/p", "", "agent", "julia").key
        child = subprocess.Popen([sys.executable, "-c", code])  # noqa: ASYNC220 - see above
        self.registry.note(key, pid=child.pid, process_start=platform.process_start(child.pid))
        self.registry.apply(key, Event.ANSWERED, "test")
        await until(lambda: platform.is_zombie(child.pid))
        child.returncode = 0
        return key


@pytest.fixture
async def world() -> AsyncIterator[World]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    made = World(home)
    yield made
    await made.supervisor.close()
    made.store.close()
    shutil.rmtree(home)


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

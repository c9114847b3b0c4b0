"""Every view of the sessions tells the same, after each of many random operations.

The supervisor and the registry are the real ones, in this process; Julia is a small program, so
that thousands of operations fit. ``KAIMON_VIEWS_OPERATIONS`` sets how many.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kaimond import paths
from kaimond.config.settings import JuliaSettings, SessionSettings, Settings
from kaimond.control.command import Params
from kaimond.control.commands import COMMANDS
from kaimond.core import Agent, Core
from kaimond.errors import SessionError
from kaimond.events import Bus
from kaimond.mcp.call import Call
from kaimond.mcp.tools import TOOLS
from kaimond.registry.registry import Registry
from kaimond.runtime import ensure_private
from kaimond.store.database import Store
from kaimond.supervisor.supervisor import Supervisor
from kaimond.supervisor.view import choose
from tests.support import fake_julia
from tests.support.children import kill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPERATIONS = int(os.environ.get("KAIMON_VIEWS_OPERATIONS", "250"))
SEED = int(os.environ.get("KAIMON_VIEWS_SEED", "1"))
FACTS = ("key", "name", "project", "state", "generation", "pid", "boot_id")

Facts = dict[str, tuple[Any, ...]]


class World:
    """A daemon's inside, the things that can happen to it, and all views of it."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            ensure_private(directory)
        self.settings = Settings(
            julia=JuliaSettings(command=str(fake_julia.script(home / "julia"))),
            session=SessionSettings(stop_timeout=1.0),
        )
        self.projects = [home / name for name in ("One", "Two", "Three")]
        for project in self.projects:
            project.mkdir()
            (project / "Project.toml").touch()
        self.where.config.mkdir(parents=True)
        listed = {"projects": [{"project_path": str(project)} for project in self.projects]}
        self.where.projects_file.write_text(json.dumps(listed))
        self.random = random.Random(SEED)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.lives = 0
        self.begin()

    def begin(self) -> None:
        """A daemon starts."""
        self.lives += 1
        self.store = Store(self.where.database)
        bus = Bus()
        self.supervisor = Supervisor(
            self.where, self.settings, Registry(self.store, bus), self.store, dict(os.environ), bus
        )
        self.core = Core(
            self.where, self.settings, self.store, self.supervisor, bus, asyncio.Event()
        )
        self.supervisor.adopt_all()

    async def end(self) -> None:
        """A daemon is gone; its sessions stay."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.supervisor.close()
        self.store.close()

    async def call(self, tool: str, **arguments: Any) -> Any:
        async def say(_sentence: str) -> None: ...

        agent = Agent("a" * 16, 0, "", 0.0)
        call = Call(self.core, agent, str(self.random.random()), say)
        return await TOOLS[tool].call(call, arguments)

    # Views

    async def views(self) -> dict[str, Facts]:
        """All views of one moment: nothing has changed between the first and the last."""
        while True:
            before = self.recorded()
            seen = await self.look()
            if before == self.recorded():
                return seen

    def recorded(self) -> Facts:
        return facts([record.to_json() for record in self.supervisor.registry.alive()])

    def stored(self) -> Facts:
        database = sqlite3.connect(self.where.database)
        rows = database.execute("SELECT record FROM sessions WHERE ended = 0").fetchall()
        database.close()
        return facts([json.loads(text) for (text,) in rows])

    async def look(self) -> dict[str, Facts]:
        ping = (await self.call("ping")).facts["sessions"]
        listed = (await self.call("start_session")).facts["projects"]
        status = await COMMANDS["status"].run(self.core, Params())
        try:
            choose(self.supervisor, "no-key")
            available = ""
        except SessionError as error:
            available = error.message
        return {
            "ping": facts(ping),
            "start_session": facts([seen for row in listed for seen in row["sessions"]]),
            "status": facts(status["sessions"]),
            "sqlite": self.stored(),
            "available": dict.fromkeys(sorted(re.findall(r"[0-9a-f]{8}(?= \()", available)), ()),
        }

    async def check(self, what: str) -> None:
        seen = await self.views()
        truth = self.recorded()
        for name, view in seen.items():
            if name == "available":
                assert list(view) == sorted(truth), (what, name, view, truth)
            elif name == "sqlite":
                assert idle(view) == idle(truth), (what, name, view, truth)
            else:
                assert view == truth, (what, name, view, truth)
        marked = {
            key for process in psutil.Process().children(recursive=True) if (key := mark(process))
        }
        assert marked <= set(truth), (what, marked, truth)

    # Operations

    def any_key(self) -> str:
        keys = [record.key for record in self.supervisor.registry.alive()]
        return self.random.choice(keys) if keys else "ffffffff"

    async def operate(self) -> str:
        """Do something at random; say what."""
        choices = {
            "start": 4,
            "evaluate": 8,
            "hang": 1,
            "interrupt": 2,
            "restart": 2,
            "shutdown": 1,
            "kill": 1,
            "exit": 1,
            "daemon dies": 1,
        }
        what = self.random.choices(list(choices), list(choices.values()))[0]
        key = self.any_key()
        try:
            await self.do(what, key)
        except SessionError as error:
            return f"{what} {key}: {error}"
        return f"{what} {key}"

    async def do(self, what: str, key: str) -> None:
        if what == "start":
            name = self.random.choice(["", "", "other"])
            project = str(self.random.choice(self.projects))
            await self.call("start_session", project_path=project, name=name)
        elif what == "evaluate":
            await self.call("ex", e="1", session=key, timeout=0.2)
        elif what == "exit":
            await self.call("ex", e="exit 3", session=key, timeout=0.5)
        elif what == "hang":
            task = asyncio.create_task(self.call("ex", e="hang", session=key))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.sleep(0)
        elif what in ("interrupt", "restart", "shutdown"):
            await self.call("manage_repl", command=what, session=key)
        elif what == "kill":
            record = self.supervisor.registry.get(key)
            if record and record.alive:
                # Views may differ only while the kernel has not ended it yet.
                kill(record.pid)
        else:
            await self.end()
            self.begin()


def mark(process: psutil.Process) -> str:
    """Which session a process belongs to; "" for none, and for one that has ended."""
    try:
        return process.environ().get("KAIMON_SESSION", "")
    except (psutil.Error, OSError):
        return ""


def facts(seen: list[dict[str, Any]]) -> Facts:
    return {one["key"]: tuple(one[fact] for fact in FACTS) for one in seen}


def idle(seen: Facts) -> Facts:
    """The same, as if nothing was evaluated: whether something is, is not stored for each eval."""
    return {
        key: tuple("ready" if fact == "busy" else fact for fact in found)
        for key, found in seen.items()
    }


@pytest.fixture
async def world() -> AsyncIterator[World]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    made = World(home)
    yield made
    await made.supervisor.stop_all("it is the end of the test")
    await made.end()
    shutil.rmtree(home)


@pytest.mark.timeout(60 + OPERATIONS)
async def test_all_views_are_equal_after_each_random_operation(world: World) -> None:
    for number in range(OPERATIONS):
        what = await world.operate()
        await world.check(f"operation {number} with seed {SEED}: {what}")
    assert world.lives > 1
    assert len(list(world.supervisor.registry.ended())) > 1

"""Processes that the daemon holds: that their ends are taken in, and that it can let go of them."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import paths
from kaimond.config.settings import EvalSettings
from kaimond.julia_process.process import SessionProcess
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event, State
from kaimond.sessions.live_sessions import LiveSessions
from kaimond.store.database import Store
from tests.support.children import bury, kill
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOON = 30.0


class Holder:
    """Live sessions with small Python processes in the place of Julia."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = Store(self.where.database)
        self.registry = Registry(self.store)
        self.sessions = LiveSessions(self.where, self.registry, self.store, EvalSettings())
        self.processes: list[SessionProcess] = []

    def start(self, code: str = "import time; time.sleep(60)") -> str:
        key = self.registry.create("/p", "", "agent", "julia").key
        process = SessionProcess.spawn(
            [sys.executable, "-c", code],
            cwd=self.where.runtime,
            env={},
            log=self.where.session_log(key),
        )
        self.processes.append(process)
        self.registry.note(key, pid=process.pid, process_start=process.start)
        self.sessions.take_charge(key, process)
        return key


@pytest.fixture
async def holder() -> AsyncIterator[Holder]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    made = Holder(home)
    yield made
    await made.sessions.close()
    for process in made.processes:
        bury(process.pid)
    made.store.close()
    shutil.rmtree(home)


async def test_an_end_that_nobody_asked_for_is_a_crash_with_its_code_and_last_words(
    holder: Holder,
) -> None:
    key = holder.start("import sys; print('last words'); sys.exit(3)")
    await until(lambda: holder.sessions.get(key) is None)
    record = holder.registry.get(key)
    assert record
    assert record.state is State.CRASHED
    assert record.exit_code == 3
    assert "exited with code 3" in record.ending
    assert record.last_output == "last words"
    assert record.ended > 0


async def test_an_end_that_was_asked_for_says_by_whom(holder: Holder) -> None:
    key = holder.start()
    holder.registry.apply(key, Event.STOP, "test")
    holder.sessions.will_end(key, "it was shut down by agent x")
    live = holder.sessions.get(key)
    assert live
    live.process.signal(signal.SIGKILL)
    await live.process.wait(SOON)
    record = holder.sessions.verified(key)
    assert record
    assert record.state is State.STOPPED
    assert record.ending.startswith("It was shut down by agent x. The process ")
    assert record.exit_signal == 9


async def test_whoever_asks_is_never_told_that_a_dead_session_lives(holder: Holder) -> None:
    key = holder.start()
    live = holder.sessions.get(key)
    assert live
    assert [record.key for record in holder.sessions.all_verified()] == [key]
    kill(live.process.pid)
    # No turn of the event loop in between: the kernel's event has not been seen.
    assert holder.sessions.all_verified() == []
    record = holder.sessions.verified(key)
    assert record
    assert record.state is State.CRASHED


async def test_a_dead_session_leaves_no_socket_and_no_spool(holder: Holder) -> None:
    key = holder.start("pass")
    holder.where.session_socket(key).touch()
    holder.where.session_shield(key).touch()
    holder.where.session_spool(key).mkdir()
    await until(lambda: holder.sessions.get(key) is None)
    assert not list(holder.where.sockets.iterdir())
    assert not holder.where.session_spool(key).exists()


async def test_the_daemon_lets_go_of_all_even_if_they_end_meanwhile(holder: Holder) -> None:
    keys = [holder.start() for _ in range(5)]
    closing = asyncio.create_task(holder.sessions.close())
    await asyncio.sleep(0)
    for key in keys[1:]:
        live = holder.sessions.get(key)
        if live:
            kill(live.process.pid)
            holder.sessions.verified(key)
    await asyncio.wait_for(closing, SOON)
    assert all(holder.sessions.get(key) is None for key in keys)

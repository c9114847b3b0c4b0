"""A session: that its end is taken in, and what it takes and tells. Small processes play Julia."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import paths
from kaimond.config.settings import Settings
from kaimond.errors import SessionError
from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.eval_queue import MOST_WAITING
from kaimond.events import Bus, SessionToolsChanged
from kaimond.gate.frames import PROTOCOL, Message
from kaimond.gate.link import LinkClosedError
from kaimond.julia_process.process import SessionProcess
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event, State
from kaimond.sessions.managed_session import ManagedSession
from kaimond.sessions.reread import read_again
from kaimond.store.database import Store
from kaimond.supervisor.supervisor import Supervisor
from tests.support.children import bury, kill
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kaimond.julia_process.live import LiveProcess
    from kaimond.sessions.session import Session

SOON = 30.0
SLEEP = "import time; time.sleep(60)"


class World:
    """A supervisor, and sessions with small Python processes in the place of Julia."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = Store(self.where.database)
        self.bus = Bus()
        self.registry = Registry(self.store, self.bus)
        self.supervisor = Supervisor(
            self.where, Settings(), self.registry, self.store, os.environ, self.bus
        )
        self.processes: list[SessionProcess] = []

    def session(self, code: str = SLEEP) -> ManagedSession:
        """A session whose process runs, and that has not answered yet."""
        key = self.registry.create("/p", "", "agent", "julia").key
        process = SessionProcess.spawn(
            [sys.executable, "-c", code],
            cwd=self.where.runtime,
            env={},
            log=self.where.session_log(key),
        )
        self.processes.append(process)
        self.registry.note(key, pid=process.pid, process_start=process.start)
        made = ManagedSession(key, self.supervisor._services)
        self.supervisor.sessions.add(made)
        made.take_charge(process)
        return made

    def ready(self) -> ManagedSession:
        """A session that can evaluate."""
        session = self.session()
        fields = {"boot": "b", "protocol": str(PROTOCOL), "julia": "1.12.5"}
        pong = Message("1", "pong", tuple((k, v.encode()) for k, v in fields.items()))
        session.answered(live_of(session), pong)
        return session


def live_of(session: Session) -> LiveProcess:
    assert session.live
    return session.live


@pytest.fixture
async def world() -> AsyncIterator[World]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    made = World(home)
    yield made
    await made.supervisor.close()
    for process in made.processes:
        bury(process.pid)
    made.store.close()
    shutil.rmtree(home)


# Its end


async def test_an_end_that_nobody_asked_for_is_a_crash_with_its_code_and_last_words(
    world: World,
) -> None:
    session = world.session("import sys; print('last words'); sys.exit(3)")
    await until(lambda: session.live is None)
    record = session.record
    assert record.state is State.CRASHED
    assert record.exit_code == 3
    assert "exited with code 3" in record.ending
    assert record.last_output == "last words"
    assert record.ended > 0
    assert world.supervisor.sessions.get(session.key) is None


async def test_an_end_that_was_asked_for_says_by_whom(world: World) -> None:
    session = world.session()
    world.registry.apply(session.key, Event.STOP, "test")
    session.will_end("it was shut down by agent x")
    live = live_of(session)
    live.process.signal(signal.SIGKILL)
    await live.process.wait(SOON)
    record = session.verify()
    assert record.state is State.STOPPED
    assert record.ending.startswith("It was shut down by agent x. The process ")
    assert record.exit_signal == 9


async def test_whoever_asks_is_never_told_that_a_dead_session_lives(world: World) -> None:
    session = world.session()
    assert world.supervisor.sessions.all_verified() == [session]
    kill(live_of(session).process.pid)
    # No turn of the event loop in between: the kernel's event has not been seen.
    assert world.supervisor.sessions.all_verified() == []
    assert session.record.state is State.CRASHED


async def test_a_dead_session_leaves_no_socket_and_no_spool(world: World) -> None:
    session = world.session("pass")
    world.where.session_socket(session.key).touch()
    world.where.session_shield(session.key).touch()
    world.where.session_spool(session.key).mkdir()
    await until(lambda: session.live is None)
    assert not list(world.where.sockets.iterdir())
    assert not world.where.session_spool(session.key).exists()


async def test_the_daemon_lets_go_of_all_even_if_they_end_meanwhile(world: World) -> None:
    sessions = [world.session() for _ in range(5)]
    closing = asyncio.create_task(world.supervisor.sessions.close())
    await asyncio.sleep(0)
    for session in sessions[1:]:
        if session.live:
            kill(session.live.process.pid)
            assert not session.verify().alive
    await asyncio.wait_for(closing, SOON)
    assert all(session.live is None for session in sessions)


# A restart


async def test_an_adopted_session_that_ends_before_it_answers_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(*_: object, **__: object) -> None:
        raise LinkClosedError("the connection to the gate was closed")

    session = world.ready()
    monkeypatch.setattr(live_of(session).link, "request", closed)
    await session.confirm()
    assert session.record.generation == 1


async def test_a_restart_that_only_an_idle_session_gets_ends_nobodys_eval(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world.ready()
    planner = world.supervisor.planner

    async def plan(_entry: object) -> Any:
        # Another agent is quicker than the plan.
        session.evaluate("1", "another", journal=lambda _: None)
        return SimpleNamespace()

    monkeypatch.setattr(planner, "project", lambda _path: None)
    monkeypatch.setattr(planner, "plan", plan)
    assert await session.restart_if_idle("its source was stale") is None
    running = session.running
    assert running
    assert running.agent == "another"
    assert session.record.state is State.BUSY


# What it takes


@pytest.mark.parametrize("asked", ["evaluate", "reread"])
async def test_a_session_that_is_not_ready_takes_nothing_and_says_so(
    world: World, asked: str
) -> None:
    session = world.session()
    with pytest.raises(SessionError, match="is starting, so nothing was evaluated") as caught:
        ask(session, asked)
    assert caught.value.kind == "not-ready"


@pytest.mark.parametrize("asked", ["evaluate", "reread"])
async def test_a_full_queue_takes_nothing_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr("kaimond.sessions.eval_runner.MOST_WAITING", 1)
    session = world.ready()
    for _ in range(2):
        session.evaluate("1", "agent", journal=lambda _: None)
    with pytest.raises(SessionError, match="Nothing was queued") as caught:
        ask(session, asked)
    assert caught.value.kind == "queue-full"
    assert session.queued == 1 < MOST_WAITING


@pytest.mark.parametrize("asked", ["evaluate", "reread"])
async def test_a_gate_that_is_not_spoken_with_is_told_with_its_cure(
    world: World, asked: str
) -> None:
    session = world.ready()
    world.registry.note(session.key, protocol=PROTOCOL + 7)
    with pytest.raises(SessionError) as caught:
        ask(session, asked)
    assert caught.value.kind == "gate-protocol"


def ask(session: Session, what: str) -> None:
    if what == "reread":
        session.reread("agent", lambda _: None)
    else:
        session.evaluate("1", "agent", journal=lambda _: None)


async def test_reading_all_files_again_is_an_eval_that_says_so_to_the_gate(world: World) -> None:
    item = world.ready().reread("agent", lambda _: None)
    assert (item.thorough, item.quiet, item.silent) == (True, True, True)


def ended(status: Status, reason: str = "") -> Eval:
    outcome = Outcome(status=status, elapsed=0.0, output=0, reason=reason)
    return Eval(
        id="e", session="k", boot_id="b", code="", agent="a", submitted=0.0, outcome=outcome
    )


async def test_a_reading_that_did_not_get_through_is_not_told_as_done(world: World) -> None:
    with pytest.raises(SessionError) as caught:
        await read_again(
            world.supervisor.source, ended(Status.INTERRUPTED, "agent a cancelled its request")
        )
    assert caught.value.kind == "not-revised"
    assert "did not get through: agent a cancelled its request." in caught.value.message


async def test_what_was_read_again_is_told_as_the_disk_shows_it_now(world: World) -> None:
    text, told = await read_again(world.supervisor.source, ended(Status.DONE))
    assert "has loaded no package from a path" in text
    assert not told.stale


# What it offers


async def test_only_what_is_another_offer_is_a_change(world: World) -> None:
    changes: list[SessionToolsChanged] = []
    world.bus.subscribe(SessionToolsChanged, changes.append)
    session = world.session()

    def say(*fields: tuple[str, str], verb: str = "tools") -> None:
        session._heard(
            Message("tools", verb, tuple((name, value.encode()) for name, value in fields))
        )

    say(("revision", "0"))
    say(verb="pong")
    assert changes == []
    say(("revision", "1"), ("tool", "f"), ("doc", ""))
    say(("revision", "2"), ("tool", "f"), ("doc", ""))
    assert changes == [SessionToolsChanged(session.key)]
    assert session.tools.tools[0].name == "f"
    say(("tool", "f"))
    assert len(changes) == 2
    assert session.tools.tools == ()


async def test_two_that_cancel_one_eval_are_both_told_that_it_was_interrupted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world.ready()
    item = session.evaluate("sleep(1000)", "agent", journal=lambda _: None)
    asked = 0

    async def thrown(verb: str, *_: object, **__: object) -> Message:
        nonlocal asked
        assert verb == "interrupt"
        asked += 1
        outcome = b"thrown"
        if asked > 2:
            outcome = b"not-running"
            if session.running:
                fields = (("status", b"interrupted"), ("elapsed", b"1"), ("output", b"0"))
                session._heard(Message(item.id, "result", fields))
        return Message("1", "interrupt", (("outcome", outcome),))

    monkeypatch.setattr(live_of(session).link, "request", thrown)
    came = await asyncio.gather(
        session.cancel(item, "it was interrupted by agent one"),
        session.cancel(item, "it was interrupted by agent two"),
    )
    assert [str(each) for each in came] == ["interrupted", "interrupted"]
    done = await world.supervisor.history.finished(item.id)
    assert done.outcome
    assert done.outcome.reason == "it was interrupted by agent one"

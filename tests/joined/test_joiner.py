"""REPLs that announce themselves: which of them become sessions, and until when they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import watchfiles
import zmq.asyncio

from kaimond import paths, platform
from kaimond.config.settings import Settings
from kaimond.errors import SessionError
from kaimond.evals.eval import Status
from kaimond.events import Bus
from kaimond.joined import joiner
from kaimond.registry.registry import Registry
from kaimond.registry.state import State
from kaimond.store.database import Store
from kaimond.supervisor.supervisor import Supervisor
from tests.gate.fake_gate import FakeGate
from tests.joined.announcements import true
from tests.support.wait import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kaimond.evals.eval import Eval
    from kaimond.registry.record import Record
    from kaimond.sessions.session import Session


class Repl:
    """A process of a person's with a gate, as far as the daemon sees it; the gate is played here.

    Args:
        world: that it lives in.
        key: of the session.
    """

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.key = key
        self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.gate = FakeGate(world.context, world.where.session_socket(key))
        self.says = true(
            key=key,
            pid=self.child.pid,
            start=platform.process_start(self.child.pid),
            project=str(world.home),
            boot=secrets.token_hex(16),
        )
        self.answers: dict[str, Any] = {}
        self.heard: list[str] = []
        self.accepted: list[str] = []
        self._serving: asyncio.Task[None] | None = None

    def open(self, **answers: Any) -> None:
        """Bind the socket and answer; ``answers`` differ from what is announced."""
        self.answers = answers
        self.gate.bind()
        self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        with contextlib.suppress(zmq.ZMQError):
            while True:
                message = await self.gate.hear()
                self.heard.append(message.verb)
                if message.verb == "ping":
                    said = self.says | {"session": self.key} | self.answers
                    await self.gate.say(
                        message.request, "pong", [(name, str(said[name])) for name in said]
                    )
                elif message.verb == "restart":
                    await self.gate.say(message.request, "failed", [("reason", "it is busy")])
                elif message.verb == "result":
                    await self.gate.say(message.request, "unknown", [("eval", message.get("eval"))])
                elif message.verb == "eval" and message.get("boot") == self.says["boot"]:
                    # It may come twice, and runs once.
                    if message.request not in self.accepted:
                        self.accepted.append(message.request)
                    await self.gate.say(message.request, "accepted")
                elif message.verb == "eval":
                    await self.gate.say(message.request, "refused", [("reason", "another image")])

    def become_another_image(self) -> None:
        """The process executes Julia anew without a word, and knows nothing of what it was."""
        self.close()
        self.accepted.clear()
        self.says["boot"] = secrets.token_hex(16)
        self.open()
        self.announce()

    def announce(self, **changes: Any) -> None:
        """Write the announcement, as the gate does: whole or not at all."""
        self.says |= changes
        self.world.write(self.key, json.dumps(self.says).encode())

    def take_back(self) -> None:
        """Remove the announcement and the socket."""
        self.world.where.announcement(self.key).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        if self._serving:
            self._serving.cancel()
            self._serving = None
        self.gate.end()

    def end(self) -> None:
        """The process ends; the daemon must notice by itself."""
        self.child.kill()
        self.child.wait()

    @property
    def record(self) -> Record | None:
        return self.world.registry.get(self.key)

    async def joined(self) -> Record:
        await until(lambda: self.record is not None and self.record.state is State.READY)
        assert self.record
        return self.record


class World:
    """A supervisor in a home of its own, with REPLs around it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.context = zmq.asyncio.Context()
        self.repls: list[Repl] = []
        self.begin()

    def session(self, key: str) -> Session:
        found = self.supervisor.sessions.get(key)
        assert found
        return found

    def evaluate(self, key: str, code: str) -> Eval:
        return self.session(key).evaluate(code, "agent", quiet=True, journal=lambda _: None)

    def begin(self) -> None:
        self.store = Store(self.where.database)
        bus = Bus()
        self.registry = Registry(self.store, bus)
        self.supervisor = Supervisor(
            self.where, Settings(), self.registry, self.store, os.environ, bus
        )
        self.supervisor.adopt_all()

    async def end(self) -> None:
        """The daemon lets go of everything."""
        await self.supervisor.close()
        self.store.close()

    def repl(self, key: str = "a3f8b2c1") -> Repl:
        made = Repl(self, key)
        self.repls.append(made)
        return made

    def write(self, key: str, data: bytes, mode: int = 0o600) -> None:
        partial = self.where.sockets / f".{key}.partial"
        partial.write_bytes(data)
        partial.chmod(mode)
        partial.replace(self.where.announcement(key))


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def world(home: Path) -> AsyncIterator[World]:
    made = World(home)
    yield made
    for repl in made.repls:
        repl.close()
    await made.end()
    for repl in made.repls:
        repl.end()
    made.context.destroy(linger=0)


async def test_a_gate_that_announces_itself_becomes_a_session_of_its_user(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce(name="scratch", allow_restart=False)
    record = await repl.joined()
    assert record.spawned_by == "user"
    assert record.joined
    assert (record.key, record.pid, record.name) == (repl.key, repl.child.pid, "scratch")
    assert record.project == str(world.home)
    assert record.boot_id == repl.says["boot"]
    assert not record.allow_restart
    assert [one.key for one in world.supervisor.sessions.all_verified()] == [repl.key]


async def test_one_that_was_there_before_the_daemon_is_found(world: World) -> None:
    await world.end()
    repl = world.repl()
    repl.open()
    repl.announce()
    world.begin()
    assert (await repl.joined()).pid == repl.child.pid


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that watches nothing for us."""

    def refuse(*_args: object, **_settings: object) -> None:
        raise OSError("too many watches")

    monkeypatch.setattr(watchfiles.main, "RustNotify", refuse)
    monkeypatch.setattr(joiner, "LOOK_EVERY", 0.05)


@pytest.mark.usefixtures("refusing")
async def test_where_the_system_refuses_to_watch_the_directory_is_looked_at(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await until(lambda: "cannot be watched" in caplog.text)
    repl = world.repl()
    repl.open()
    repl.announce()
    await repl.joined()
    repl.take_back()
    await until(lambda: repl.record and not repl.record.alive)


async def test_the_next_daemon_takes_a_joined_session_up(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    before = await repl.joined()
    assert await world.supervisor.stop_all("kaimond ended") == []
    await world.end()
    assert repl.child.poll() is None
    world.begin()
    after = await repl.joined()
    assert (after.key, after.generation, after.created) == (repl.key, 1, before.created)


async def test_one_that_is_taken_back_ends_and_its_process_goes_on(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    await repl.joined()
    repl.take_back()
    await until(lambda: repl.record and not repl.record.alive)
    assert repl.record
    assert repl.record.state is State.STOPPED
    assert "Gate.stop()" in repl.record.ending
    assert repl.child.poll() is None


async def test_an_exit_in_order_is_told_from_a_crash(world: World) -> None:
    orderly, killed = world.repl("a3f8b2c1"), world.repl("b3f8b2c1")
    for repl in (orderly, killed):
        repl.open()
        repl.announce()
        await repl.joined()
    world.where.announcement(orderly.key).unlink()
    for repl in (orderly, killed):
        repl.end()
    await until(lambda: not world.registry.alive())
    assert orderly.record
    assert killed.record
    assert orderly.record.state is State.STOPPED
    assert "exited in order" in orderly.record.ending
    assert killed.record.state is State.CRASHED
    assert not list(world.where.sockets.iterdir())


async def test_a_new_process_image_that_announces_itself_is_a_new_generation(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    before = await repl.joined()
    repl.announce(restarting=True)
    await until(lambda: repl.record and repl.record.state is State.RESTARTING)
    repl.close()
    boot, nonce = secrets.token_hex(16), secrets.token_hex(8)
    repl.says |= {"boot": boot, "nonce": nonce}
    repl.open()
    repl.announce(restarting=False, name="other")
    await until(lambda: repl.record and repl.record.boot_id == boot and repl.record.name)
    after = await repl.joined()
    assert (after.key, after.pid, after.generation) == (before.key, before.pid, 2)
    assert (after.nonce, after.name) == (nonce, "other")


async def test_what_an_image_evaluated_that_is_gone_is_lost_and_not_given_to_the_next(
    world: World,
) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    await repl.joined()
    item = world.evaluate(repl.key, "a")
    await until(lambda: repl.accepted == [item.id])
    await world.end()
    repl.become_another_image()
    world.begin()
    lost = await asyncio.wait_for(world.supervisor.history.finished(item.id), DEADLINE)
    assert lost.status is Status.LOST
    await until(lambda: repl.record and repl.record.generation == 2)
    record = await repl.joined()
    assert record.boot_id == repl.says["boot"]
    later = world.evaluate(repl.key, "b")
    await until(lambda: repl.accepted)
    assert repl.accepted == [later.id]


@pytest.mark.parametrize("way", ["restart", "stop", "cancel"])
async def test_what_was_begun_with_a_session_goes_on_when_its_asker_goes_away(
    world: World, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    await repl.joined()
    item, session = world.evaluate(repl.key, "a"), world.session(repl.key)
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> None:
        begun.set()
        await go_on.wait()
        done.set()

    for inner in ("_cancel", "_stop", "_restart"):
        monkeypatch.setattr(session, inner, slow)
    what = (item,) if way == "cancel" else ()
    asking = asyncio.create_task(getattr(session, way)(*what, "it was asked for"))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go_on.set()
    await asyncio.wait_for(done.wait(), DEADLINE)


async def test_one_that_wanted_to_restart_and_did_not_is_as_it_was(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    before = await repl.joined()
    repl.announce(restarting=True)
    await until(lambda: repl.record and repl.record.state is State.RESTARTING)
    with pytest.raises(SessionError, match="A person started it"):
        await world.supervisor.settled(repl.key)
    repl.announce(restarting=False)
    after = await repl.joined()
    assert (after.generation, after.boot_id) == (1, before.boot_id)


async def test_a_restart_that_a_gate_refuses_changes_nothing_and_says_why(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce()
    await repl.joined()
    with pytest.raises(SessionError, match="it is busy"):
        await world.session(repl.key).restart("a test wanted it")
    assert (await repl.joined()).generation == 1
    assert repl.child.poll() is None


async def test_a_gate_that_is_not_the_announced_one_is_no_session(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    repl = world.repl()
    repl.open(nonce="ffffffffffffffff")
    repl.announce()
    await until(lambda: "not the announced one" in caplog.text)
    assert repl.record is None


async def test_what_a_dead_process_left_is_removed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    repl = world.repl()
    repl.open()
    repl.end()
    world.where.session_shield(repl.key).touch()
    repl.announce()
    await until(lambda: not world.where.announcement(repl.key).exists())
    await until(lambda: not list(world.where.sockets.glob(f"{repl.key}.*")))
    assert "its files were removed" in caplog.text
    assert repl.record is None


async def test_a_number_that_another_process_has_now_is_no_session(world: World) -> None:
    repl = world.repl()
    repl.open()
    repl.announce(start="1")
    await until(lambda: not world.where.announcement(repl.key).exists())
    assert repl.record is None
    assert repl.child.poll() is None


async def test_a_key_that_was_used_is_not_used_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    old, managed = world.repl(), world.registry.create("/p", "", "agent", "julia")
    old.open()
    old.announce()
    await old.joined()
    old.end()
    await until(lambda: old.record and not old.record.alive)
    for key in (old.key, managed.key):
        repl = world.repl(key)
        repl.open()
        repl.announce()
    await until(lambda: "has ended" in caplog.text and "kaimond started" in caplog.text)
    assert not [record for record in world.registry.alive() if record.joined]


def spoilt(chance: random.Random, world: World, number: int) -> bytes:
    """One of many ways in which an announcement can be wrong."""
    key = f"{number:08x}"
    good = json.dumps(true(key=key, pid=os.getpid(), start=platform.process_start(os.getpid())))
    match number % 6:
        case 0:
            return good.encode()[: chance.randrange(len(good) - 1)]
        case 1:
            return chance.randbytes(chance.randrange(400))
        case 2:
            place = chance.randrange(len(good))
            return (
                good[:place].encode() + bytes([chance.randrange(128, 256)]) + good[place:].encode()
            )
        case 3:
            fields = json.loads(good)
            fields[chance.choice(sorted(fields))] = chance.choice([None, -1, [], {}, "\x00", 1e9])
            return json.dumps(fields).encode()
        case 4:
            world.where.session_socket(key).write_text("no socket")
            return good.encode()
        case _:
            return good.encode()


async def test_of_500_malformed_announcements_none_is_a_session_and_each_has_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    chance = random.Random(20261121)
    keys = []
    for number in range(500):
        key = f"{number:08x}"
        keys.append(key)
        world.write(key, spoilt(chance, world, number), mode=chance.choice([0o600, 0o600, 0o644]))
    true_one = world.repl()
    true_one.open()
    true_one.announce()
    await true_one.joined()
    # Another daemon looks at all of them again.
    looked = len(caplog.records)
    await world.end()
    world.begin()
    await true_one.joined()
    last = world.repl("b3f8b2c1")
    last.open()
    last.announce()
    await last.joined()
    assert {record.key for record in world.registry.alive()} == {true_one.key, last.key}
    for records in (caplog.records[:looked], caplog.records[looked:]):
        lines: dict[str, int] = {}
        for one in records:
            key = getattr(one, "session", "")
            lines[key] = lines.get(key, 0) + 1
        assert {key: count for key, count in lines.items() if key in keys and count > 1} == {}
        assert not [one for one in records if one.levelno >= logging.ERROR]
    for key in keys:
        world.where.session_socket(key).unlink(missing_ok=True)

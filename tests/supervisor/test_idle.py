"""Sessions that nobody uses are ended, and only those."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import paths
from kaimond.config.settings import JuliaSettings, SessionSettings, Settings
from kaimond.errors import ErrorKind, SessionError
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.registry.state import State
from kaimond.runtime import ensure_private
from kaimond.store.database import Store
from kaimond.supervisor.idle import ASK_AGAIN, IdleWatch, Use, left, reason
from kaimond.supervisor.supervisor import Supervisor
from tests.support import fake_julia
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from kaimond.sessions.session import Session

# The decision


@pytest.mark.parametrize(
    ("use", "seconds"),
    [
        (Use(since=0, evaluating=False), 60),
        (Use(since=59, evaluating=False), 1),
        (Use(since=60, evaluating=False), 0),
        (Use(since=1e9, evaluating=False), 0),
        (Use(since=1e9, evaluating=True), 60),
        # Somebody has set the clock back.
        (Use(since=-1e9, evaluating=False), 60),
    ],
)
def test_a_session_is_due_when_nobody_has_evaluated_for_that_long(use: Use, seconds: float) -> None:
    assert left(60, use) == seconds


def test_the_reason_names_the_setting() -> None:
    assert reason(3600) == "it was ended after 3600 s without an eval (idle_timeout)"
    assert reason(0.5) == "it was ended after 0.5 s without an eval (idle_timeout)"
    assert reason(10_000_000) == "it was ended after 10000000 s without an eval (idle_timeout)"


# The timers


class Stage:
    """A watch whose facts, timers and ends are made of plain values."""

    def __init__(self) -> None:
        self.spans: dict[str, float] = {}
        self.known: dict[str, Use] = {}
        self.told: dict[str, Use | None] = {}
        self.rings: list[tuple[float, Callable[[], None]]] = []
        self.ended: list[tuple[str, str]] = []
        self.failure: SessionError | None = None
        self.begun: list[Coroutine[Any, Any, None]] = []
        self.watch = IdleWatch(self, self.end, self.begun.append, self.later)

    def timeouts(self) -> dict[str, float]:
        return dict(self.spans)

    def use(self, key: str) -> Use:
        return self.known[key]

    async def asked(self, key: str) -> Use | None:
        return self.told[key]

    async def end(self, key: str, why: str, still: Callable[[], bool]) -> None:
        if self.failure:
            raise self.failure
        if still():
            self.ended.append((key, why))
            del self.spans[key]

    def later(self, seconds: float, ring: Callable[[], None]) -> Any:
        entry = (seconds, ring)
        self.rings.append(entry)
        stage = self

        class Timer:
            def cancel(self) -> None:
                stage.rings.remove(entry)

        return Timer()

    async def ring(self) -> None:
        """The one timer rings, and what it begins is done."""
        ((_, ring),) = self.rings
        self.rings.clear()
        ring()
        while self.begun:
            await self.begun.pop()

    @property
    def seconds(self) -> list[float]:
        return [seconds for seconds, _ in self.rings]


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.spans["a"] = 60.0
    made.known["a"] = made.told["a"] = Use(since=20, evaluating=False)
    return made


async def test_a_timer_rings_when_the_session_is_due_and_ends_it_with_the_reason(
    stage: Stage,
) -> None:
    stage.watch.look()
    assert stage.seconds == [40]
    stage.known["a"] = stage.told["a"] = Use(since=60, evaluating=False)
    await stage.ring()
    assert stage.ended == [("a", reason(60))]
    assert stage.rings == []


async def test_an_eval_meanwhile_sets_the_timer_anew(stage: Stage) -> None:
    stage.watch.look()
    stage.known["a"] = Use(since=15, evaluating=False)
    await stage.ring()
    assert (stage.ended, stage.seconds) == ([], [45])
    stage.known["a"] = Use(since=70, evaluating=True)
    await stage.ring()
    assert (stage.ended, stage.seconds) == ([], [60])


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (Use(since=10, evaluating=False), 50),
        (Use(since=60, evaluating=True), 60),
        (None, ASK_AGAIN),
    ],
)
async def test_what_the_gate_says_or_does_not_say_keeps_the_session(
    stage: Stage, told: Use | None, seconds: float
) -> None:
    stage.watch.look()
    stage.known["a"] = Use(since=60, evaluating=False)
    stage.told["a"] = told
    await stage.ring()
    assert (stage.ended, stage.seconds) == ([], [seconds])


async def test_an_eval_that_comes_while_the_end_waits_for_its_turn_keeps_the_session(
    stage: Stage,
) -> None:
    stage.watch.look()
    stage.known["a"] = stage.told["a"] = Use(since=60, evaluating=False)

    async def waits(key: str, _why: str, still: Callable[[], bool]) -> None:
        stage.known[key] = Use(since=0, evaluating=False)
        assert not still()

    stage.watch._end = waits
    await stage.ring()
    assert stage.seconds == [60]


async def test_a_changed_preference_counts_at_the_next_look_and_at_the_latest_when_it_rings(
    stage: Stage,
) -> None:
    stage.watch.look()
    stage.spans["a"] = 30.0
    stage.watch.look()
    assert stage.seconds == [10]
    stage.spans["a"] = 90.0
    stage.known["a"] = Use(since=30, evaluating=False)
    await stage.ring()
    assert stage.seconds == [60]
    stage.spans.clear()
    stage.watch.look()
    assert stage.rings == []


async def test_a_preference_that_is_gone_when_the_timer_rings_ends_nothing(stage: Stage) -> None:
    stage.watch.look()
    stage.spans.clear()
    await stage.ring()
    assert (stage.ended, stage.rings) == ([], [])


async def test_a_session_that_is_being_asked_gets_no_second_timer(stage: Stage) -> None:
    stage.watch.look()
    stage.known["a"] = stage.told["a"] = Use(since=60, evaluating=False)
    ((_, ring),) = stage.rings
    stage.rings.clear()
    ring()
    stage.watch.look()
    assert stage.rings == []
    await stage.begun.pop()
    assert stage.ended == [("a", reason(60))]


async def test_a_session_that_cannot_be_ended_is_told_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.watch.look()
    stage.known["a"] = stage.told["a"] = Use(since=60, evaluating=False)
    stage.failure = SessionError(ErrorKind.NOT_GONE, "It does not go away.")
    await stage.ring()
    assert "could not be ended: It does not go away." in caplog.text
    stage.failure = None
    stage.watch.look()
    assert stage.seconds == [0]


async def test_nothing_rings_after_the_end(stage: Stage) -> None:
    stage.watch.look()
    stage.watch.close()
    assert stage.rings == []


# With processes


class Daemon:
    """A supervisor with a small program in the place of Julia."""

    def __init__(self, home: Path) -> None:
        self.where = paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
        for directory in self.where.private_directories():
            ensure_private(directory)
        self.where.config.mkdir(parents=True, exist_ok=True)
        self.project = home / "Proj"
        self.project.mkdir(exist_ok=True)
        (self.project / "Project.toml").touch()
        self.settings = Settings(
            julia=JuliaSettings(command=str(fake_julia.script(home / "julia"))),
            session=SessionSettings(stop_timeout=1.0),
        )
        self.begin()

    def begin(self) -> None:
        self.store = Store(self.where.database)
        bus = Bus()
        self.registry = Registry(self.store, bus)
        self.supervisor = Supervisor(
            self.where, self.settings, self.registry, self.store, dict(os.environ), bus
        )
        self.supervisor.adopt_all()

    async def close(self) -> None:
        await self.supervisor.close()
        self.store.close()

    def prefer(self, **preferences: object) -> None:
        listed = {
            "projects": [{"project_path": str(self.project)}],
            "session_prefs": {"proj": preferences},
        }
        self.where.projects_file.write_text(json.dumps(listed))
        self.where.projects_file.chmod(0o600)

    def evaluate(self, key: str, code: str) -> None:
        self.session(key).evaluate(code, "test", quiet=True, journal=lambda _: None)

    def session(self, key: str) -> Session:
        found = self.supervisor.sessions.get(key)
        assert found
        return found

    def state(self, key: str) -> State:
        record = self.registry.get(key)
        assert record
        return record.state


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    made = Daemon(home)
    yield made
    await made.supervisor.stop_all("the test is over")
    await made.close()
    shutil.rmtree(home)


async def test_an_unused_session_is_ended_in_order_and_says_why_and_a_busy_one_never(
    daemon: Daemon,
) -> None:
    daemon.prefer()
    used, _ = await daemon.supervisor.start(str(daemon.project), "used", "agent")
    daemon.evaluate(used.key, "hang")
    daemon.evaluate(used.key, "queued")
    daemon.prefer(idle_timeout=0.2)
    unused, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    await until(lambda: daemon.state(unused.key) is State.STOPPED)
    ended = daemon.registry.get(unused.key)
    assert ended
    assert ended.ending == (
        "It was ended after 0.2 s without an eval (idle_timeout). "
        f"The process {unused.pid} exited with code 0."
    )
    assert daemon.state(used.key) is State.BUSY

    item = daemon.session(used.key).running
    assert item
    await daemon.supervisor.cancel(item, "it was interrupted")
    await until(lambda: daemon.state(used.key) is State.STOPPED)


async def test_the_time_of_the_last_eval_outlives_the_daemon(daemon: Daemon) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    begin = time.time()
    daemon.evaluate(record.key, "1 + 1")
    await until(lambda: daemon.state(record.key) is State.READY)
    known = daemon.registry.get(record.key)
    assert known
    assert begin <= known.last_eval <= time.time()
    await daemon.close()

    # As if the daemon had been away for an hour.
    store = Store(daemon.where.database)
    old = replace(known, last_eval=known.last_eval - 3600, ready=known.ready - 3600)
    store.save_session(old.key, old.ended, old.to_json())
    store._db.execute("UPDATE evals SET finished = finished - 3600")
    store.close()
    daemon.prefer(idle_timeout=1800)
    daemon.begin()
    await until(lambda: daemon.state(record.key) is State.STOPPED)


async def test_a_frozen_session_is_not_taken_for_an_idle_one(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaimond.supervisor.idle.ASK_AGAIN", 0.1)
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    session = daemon.session(record.key)
    os.kill(record.pid, signal.SIGSTOP)
    asked = 0
    look = session.look

    async def counted() -> Any:
        nonlocal asked
        asked += 1
        return await look()

    monkeypatch.setattr(session, "look", counted)
    daemon.prefer(idle_timeout=0.1)
    daemon.supervisor.idle.look()
    await until(lambda: asked >= 2)
    assert daemon.state(record.key) is State.READY
    os.kill(record.pid, signal.SIGCONT)
    await until(lambda: daemon.state(record.key) is State.STOPPED)


async def test_a_session_is_in_use_while_a_person_evaluates_in_its_terminal(
    daemon: Daemon,
) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    session = daemon.session(record.key)
    session.turn.begin("terminal")
    session.turn_changed()
    daemon.prefer(idle_timeout=0.1)
    daemon.supervisor.idle.look()
    assert daemon.supervisor.idle._facts.use(record.key).evaluating
    before = time.time()
    session.turn.end()
    session.turn_changed()
    known = daemon.registry.get(record.key)
    assert known
    assert known.last_eval >= before
    await until(lambda: daemon.state(record.key) is State.STOPPED)


async def test_a_repl_of_a_person_is_never_ended_for_being_idle(daemon: Daemon) -> None:
    daemon.prefer(idle_timeout=0.1)
    record = daemon.registry.create(str(daemon.project), "", "user", "julia")
    daemon.registry.note(record.key, state=State.READY)
    assert daemon.supervisor.idle._facts.timeouts() == {}
    daemon.registry.note(record.key, spawned_by="agent")
    assert daemon.supervisor.idle._facts.timeouts() == {record.key: 0.1}
    daemon.registry.note(record.key, state=State.STOPPED)

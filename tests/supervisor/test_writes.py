"""How often the database is written to while evals come and go."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from kaimond.evals.eval import Status
from kaimond.evals.history import DROP_AFTER
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.registry.state import State
from kaimond.store.database import Store
from tests.supervisor.test_idle import Daemon, daemon
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["daemon"]


@contextlib.contextmanager
def written(store: Store) -> Iterator[list[str]]:
    """The transactions that write meanwhile, each as the statement that begins it."""
    found: list[str] = []

    def note(statement: str) -> None:
        word = statement.split(maxsplit=1)[0].upper()
        inside = store._db.in_transaction and word != "BEGIN"
        if word in ("BEGIN", "INSERT", "UPDATE", "DELETE", "REPLACE") and not inside:
            found.append(statement)

    store._db.set_trace_callback(note)
    try:
        yield found
    finally:
        store._db.set_trace_callback(None)


def evaluate(daemon: Daemon, key: str, code: str = "1 + 1") -> str:
    def journal(eval_id: str) -> None:
        daemon.store.save_call("agent", eval_id, time.time(), {"tool": "ex", "eval": eval_id})

    return daemon.session(key).evaluate(code, "agent", quiet=True, journal=journal).id


async def test_a_quick_eval_makes_two_transactions(daemon: Daemon) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    with written(daemon.store) as transactions:
        first = evaluate(daemon, record.key)
        assert len(transactions) == 1, "the call and its eval are stored before the gate is asked"
        assert daemon.store.load_call("agent", first)
        stored = daemon.store.load_eval(first)
        assert stored
        assert stored["began"]
        await daemon.supervisor.history.finished(first)
        assert len(transactions) == 2
        await until(lambda: daemon.state(record.key) is State.READY)
        rounds = DROP_AFTER - 2
        for _ in range(rounds):
            await daemon.supervisor.history.finished(evaluate(daemon, record.key))
        assert len(transactions) == 2 * (1 + rounds)


async def test_when_the_last_eval_ended_outlives_a_daemon_that_is_killed(daemon: Daemon) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    before = time.time()
    ended = await daemon.supervisor.history.finished(evaluate(daemon, record.key))
    with contextlib.closing(Store(daemon.where.database)) as left:
        known = Registry(left, Bus()).get(record.key)
    assert known
    assert before <= ended.finished <= known.last_eval


async def test_when_a_persons_last_turn_ended_outlives_a_daemon_that_ends_in_order(
    daemon: Daemon,
) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    before = time.time()
    session = daemon.session(record.key)
    session.turn.begin("terminal")
    session.turn_changed()
    session.turn.end()
    session.turn_changed()
    known = daemon.registry.get(record.key)
    assert known
    assert known.last_eval >= before
    await daemon.supervisor.close()
    with contextlib.closing(Store(daemon.where.database)) as left:
        assert Registry(left, Bus()).get(record.key) == known
    daemon.store.close()
    daemon.begin()


async def test_a_killed_daemon_leaves_a_session_that_the_next_one_finds_busy_or_not_as_it_is(
    daemon: Daemon,
) -> None:
    daemon.prefer()
    record, _ = await daemon.supervisor.start(str(daemon.project), "", "agent")
    hangs = evaluate(daemon, record.key, "hang")
    assert daemon.state(record.key) is State.BUSY
    await daemon.close()
    daemon.begin()
    assert daemon.state(record.key) is State.BUSY
    item = daemon.supervisor.history.get(hangs)
    assert item
    assert item.status is Status.RUNNING
    await daemon.supervisor.cancel(item, "it was interrupted")
    await until(lambda: daemon.state(record.key) is State.READY)

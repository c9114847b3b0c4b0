"""State that older versions have written, kept as they wrote it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from kaimond.config.settings import EvalSettings
from kaimond.evals.eval import Status
from kaimond.evals.history import History
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.registry.state import State
from kaimond.store.database import Store

STATES = sorted((Path(__file__).parents[1] / "data").glob("state-*.sql"))
SOON_AFTER = 1_795_000_300.0


def restore(state: Path, database: Path) -> None:
    made = sqlite3.connect(database)
    made.executescript(state.read_text())
    # A field that a newer version of the same schema wrote must do no harm.
    made.execute("UPDATE sessions SET record = json_set(record, '$.field_of_tomorrow', 1)")
    made.execute("UPDATE evals SET eval = json_set(eval, '$.field_of_tomorrow', 1)")
    made.commit()
    made.close()


@pytest.mark.parametrize("state", STATES, ids=lambda path: path.stem)
async def test_state_of_every_older_version_loads_whole(state: Path, tmp_path: Path) -> None:
    database = tmp_path / "kaimond.db"
    restore(state, database)
    store = Store(database)
    registry = Registry(store, Bus(), clock=lambda: SOON_AFTER)
    alive = registry.get("a3f8b2c1")
    assert alive
    assert (alive.state, alive.generation, alive.project) == (State.READY, 3, "/home/ada/Proj")
    dead = registry.get("0f5b58b7")
    assert dead
    assert (dead.state, dead.name, dead.exit_signal) == (State.CRASHED, "scratch", 9)
    history = History(store, Bus(), EvalSettings())
    running = history.get("11223344")
    assert running
    assert running.status is Status.RUNNING
    done = await asyncio.wait_for(history.finished("55667788"), 60)
    assert done.outcome
    assert done.outcome.text("value:text/plain") == "2"
    assert [item.id for item in history.recent("", 9)] == ["55667788", "11223344"]
    assert [item.id for item in history.recent("", 9, "done")] == ["55667788"]
    assert store.load_call("9f3e1c2a00000000", "7") == {"tool": "ex", "eval": "11223344"}
    store.close()


def test_there_is_a_state_to_load() -> None:
    assert STATES

"""Whatever happens to sessions, and whenever the daemon is killed: nothing acknowledged is lost.

But for one thing, which the evals tell as well: that a session evaluates, or does not any more.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from kaimond.events import Bus
from kaimond.registry.record import Record
from kaimond.registry.registry import Registry
from kaimond.registry.state import TRANSITIONS, Event, IllegalTransitionError
from kaimond.store.database import Store

PROJECTS = st.sampled_from(["/a", "/b", "/c"])
NAMES = st.sampled_from(["", "x"])
EVALS = st.integers(0, 10**6).map(lambda number: f"{number:08x}")


class RegistryMachine(RuleBasedStateMachine):
    """The registry and its store beside a plain dictionary of what was acknowledged."""

    keys: Bundle[str] = Bundle("keys")
    asked: Bundle[str] = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
        self.records: dict[str, Record] = {}
        self.stored: dict[str, Record] = {}
        self.born: list[str] = []
        self.open_evals: list[str] = []
        self.finished: dict[str, dict[str, object]] = {}
        self.calls: dict[tuple[str, str], dict[str, object]] = {}
        self.clock = 1_000_000.0
        self.load()

    def load(self) -> None:
        self.store = Store(self.directory / "kaimond.db")
        self.registry = Registry(self.store, Bus(), clock=lambda: self.clock)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)

    @rule(target=keys, project=PROJECTS, name=NAMES)
    def born_one(self, project: str, name: str) -> str:
        record = self.registry.create(project, name, "agent", "julia")
        assert record.key not in self.records
        self.records[record.key] = self.stored[record.key] = record
        self.born.append(record.key)
        return record.key

    @rule(key=keys, event=st.sampled_from(Event), text=st.text(max_size=5))
    def something_happens(self, key: str, event: Event, text: str) -> None:
        before = self.records[key]
        self.clock += 1.0
        changes = (
            {"ending": text, "ended": self.clock} if event in (Event.EXITED, Event.LEFT) else {}
        )
        if event not in TRANSITIONS[before.state]:
            with pytest.raises(IllegalTransitionError):
                self.registry.apply(key, event, "test", **changes)
        else:
            self.records[key] = self.registry.apply(key, event, "test", **changes)
            if event not in (Event.EVAL_BEGAN, Event.EVALS_ENDED):
                self.stored[key] = self.records[key]

    @rule(key=keys, pid=st.integers(1, 2**22))
    def a_fact_is_noted(self, key: str, pid: int) -> None:
        self.records[key] = self.stored[key] = self.registry.note(key, pid=pid)

    @rule()
    def housekeeping(self) -> None:
        self.registry.tidy()
        self.stored = dict(self.records)

    @rule(target=asked, eval_id=EVALS)
    def an_eval_is_asked(self, eval_id: str) -> str | MultipleResults[str]:
        if eval_id in self.open_evals or eval_id in self.finished:
            return multiple()
        self.store.save_eval(eval_id, "s", 0.0, {"id": eval_id})
        self.open_evals.append(eval_id)
        return eval_id

    @rule(eval_id=asked)
    def an_eval_begins(self, eval_id: str) -> None:
        if eval_id in self.open_evals:
            self.store.save_eval(eval_id, "s", 0.0, {"id": eval_id, "began": 1})

    @rule(eval_id=consumes(asked))
    def an_eval_ends(self, eval_id: str) -> None:
        self.clock += 1.0
        self.open_evals.remove(eval_id)
        self.finished[eval_id] = {"id": eval_id, "at": self.clock}
        self.store.save_eval(eval_id, "s", self.clock, self.finished[eval_id])

    @rule(agent=st.sampled_from("xy"), request=st.integers(0, 5).map(str), what=st.integers())
    def a_call_is_journalled(self, agent: str, request: str, what: int) -> None:
        self.store.save_call(agent, request, self.clock, {"what": what})
        self.calls[agent, request] = {"what": what}

    @rule()
    def daemon_killed(self) -> None:
        # Nothing is closed in order and nothing is flushed: the files are all that is left.
        killed = self.store
        self.load()
        killed.close()
        self.records = dict(self.stored)

    @precondition(lambda self: self.records)
    @rule()
    def database_copied_while_open(self) -> None:
        """What another process sees is what was acknowledged, too."""
        reader = Store(self.directory / "kaimond.db")
        assert {one.key: one for one in reader.load_sessions(Record.from_json)} == self.stored
        reader.close()

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        assert {key: self.registry.get(key) for key in self.records} == self.records
        assert {one.key: one for one in self.store.load_sessions(Record.from_json)} == self.stored

    @invariant()
    def every_session_is_alive_or_ended_once(self) -> None:
        listed = [one.key for one in (*self.registry.alive(), *self.registry.ended())]
        assert sorted(listed) == sorted(self.records)

    @invariant()
    def the_living_are_in_the_order_of_their_birth(self) -> None:
        living = [key for key in self.born if self.records[key].alive]
        assert [one.key for one in self.registry.alive()] == living

    @invariant()
    def evals_and_calls_are_remembered(self) -> None:
        assert [one["id"] for one in self.store.unfinished_evals()] == self.open_evals
        for eval_id, data in self.finished.items():
            assert self.store.load_eval(eval_id) == data
        for (agent, request), call in self.calls.items():
            assert self.store.load_call(agent, request) == call


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=60, stateful_step_count=40)

"""The one writer of sessions."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from kaimond.events import Bus
from kaimond.registry.record import Record
from kaimond.registry.registry import KEEP_ENDED, Registry
from kaimond.registry.state import Event, IllegalTransitionError, State
from kaimond.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(tmp_path / "kaimond.db")) as made:
        yield made


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store, Bus())


def test_a_session_is_born_starting_with_a_key_and_a_nonce(registry: Registry) -> None:
    record = registry.create("/p", "", "agent", "/bin/julia")
    assert record.state is State.STARTING
    assert len(record.key) == 8
    assert int(record.key, 16) >= 0
    assert record.nonce
    assert registry.get(record.key) == record


def test_a_key_is_never_given_twice_even_if_the_dice_say_so(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown = iter(["aaaaaaaa", "n1", "aaaaaaaa", "aaaaaaaa", "bbbbbbbb", "n2"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(thrown))
    assert registry.create("/p", "", "agent", "j").key == "aaaaaaaa"
    registry.apply("aaaaaaaa", Event.EXITED, "test", ended=1.0)
    assert registry.create("/p", "", "agent", "j").key == "bbbbbbbb"


def test_what_can_be_read_is_already_stored(registry: Registry, store: Store) -> None:
    key = registry.create("/p", "", "agent", "j").key
    registry.apply(key, Event.ANSWERED, "test", boot_id="b")
    registry.note(key, pid=7)
    assert list(store.load_sessions(Record.from_json)) == [registry.get(key)]


def test_an_illegal_step_changes_nothing(registry: Registry, store: Store) -> None:
    record = registry.create("/p", "", "agent", "j")
    with pytest.raises(IllegalTransitionError):
        registry.apply(record.key, Event.EVAL_BEGAN, "test", pid=5)
    assert registry.get(record.key) == record
    assert list(store.load_sessions(Record.from_json)) == [record]


@pytest.mark.parametrize(
    "failure", [OSError(28, "no space left"), sqlite3.OperationalError("no space left")]
)
def test_an_intention_that_cannot_be_written_is_not_begun(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    record = registry.create("/p", "", "agent", "j")

    def full(*_: object) -> None:
        raise failure

    monkeypatch.setattr(store, "save_session", full)
    with pytest.raises(type(failure), match="no space"):
        registry.apply(record.key, Event.STOP, "test")
    assert registry.get(record.key) == record


def test_a_fact_that_cannot_be_written_is_known_all_the_same_and_written_later(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = registry.create("/p", "", "agent", "j")

    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as disk:
        disk.setattr(store, "save_session", full)
        registry.apply(record.key, Event.EXITED, "test", ended=time.time())
        assert registry.alive() == []
        assert registry.unsaved == 1
        with pytest.raises(OSError, match="no space"):
            registry.tidy()
    assert [one.alive for one in store.load_sessions(Record.from_json)] == [True]
    registry.tidy()
    assert registry.unsaved == 0
    assert [one.alive for one in store.load_sessions(Record.from_json)] == [False]


def test_an_unknown_key_is_an_error(registry: Registry) -> None:
    with pytest.raises(KeyError):
        registry.apply("00000000", Event.STOP, "test")
    with pytest.raises(KeyError):
        registry.note("00000000", pid=1)
    assert registry.get("00000000") is None


def test_alive_and_ended_part_the_sessions(registry: Registry) -> None:
    first, second, third = (registry.create(f"/{n}", "", "agent", "j").key for n in range(3))
    registry.apply(first, Event.EXITED, "test", ended=2.0)
    registry.apply(third, Event.EXITED, "test", ended=5.0)
    assert [one.key for one in registry.alive()] == [second]
    assert [one.key for one in registry.ended()] == [third, first]


def test_a_project_and_a_name_find_their_living_session_only(registry: Registry) -> None:
    usual = registry.create("/p", "", "agent", "j")
    second = registry.create("/p", "second", "agent", "j")
    assert registry.alive_for("/p", "") == usual
    assert registry.alive_for("/p", "second") == second
    assert registry.alive_for("/p2", "") is None
    registry.apply(usual.key, Event.EXITED, "test", ended=1.0)
    assert registry.alive_for("/p", "") is None


def test_a_list_of_sessions_is_a_snapshot(registry: Registry) -> None:
    key = registry.create("/p", "", "agent", "j").key
    before = registry.alive()
    registry.apply(key, Event.EXITED, "test", ended=1.0)
    assert [one.state for one in before] == [State.STARTING]


def test_sessions_are_in_the_order_of_their_birth_after_a_restart_as_well(
    registry: Registry, store: Store
) -> None:
    keys = [registry.create(f"/{n}", "", "agent", "j").key for n in range(4)]
    registry.apply(keys[0], Event.ANSWERED, "test")
    registry.note(keys[1], pid=3)
    assert [one.key for one in registry.alive()] == keys
    assert [one.key for one in Registry(store, Bus()).alive()] == keys


def test_ended_sessions_are_forgotten_after_their_time_and_living_ones_never(
    registry: Registry, store: Store
) -> None:
    gone = registry.create("/gone", "", "agent", "j").key
    alive = registry.create("/alive", "", "agent", "j").key
    registry.apply(gone, Event.EXITED, "test", ended=1000.0)
    kept = Registry(store, Bus(), clock=lambda: 1000.0 + KEEP_ENDED)
    assert kept.get(gone) is not None
    later = Registry(store, Bus(), clock=lambda: 1001.0 + KEEP_ENDED)
    assert later.get(gone) is None
    assert later.get(alive) is not None


def test_every_change_of_state_is_logged_with_its_cause_and_session(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    key = registry.create("/p", "", "agent", "j").key
    with caplog.at_level(logging.DEBUG, logger="kaimond.registry"):
        registry.apply(key, Event.ANSWERED, "the gate answered")
        registry.apply(key, Event.EVAL_BEGAN, "an eval began")
    ready, busy = caplog.records
    assert ready.getMessage() == "starting -> ready: the gate answered"
    assert ready.levelno == logging.INFO
    assert busy.levelno == logging.DEBUG, "evals are too many for the usual log"
    assert ready.__dict__["session"] == key

"""The database: what it keeps, in which order, and what it refuses to read."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaimond.registry.record import Record
from kaimond.registry.state import State
from kaimond.store.database import SCHEMA, Dropped, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kaimond.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(path)) as made:
        yield made


def record(key: str, state: State = State.READY, ended: float = 0.0) -> Record:
    return Record(key, "/p", "", state, "agent", 1.0, ended=ended)


def save(store: Store, one: Record) -> None:
    store.save_session(one.key, one.ended, one.to_json())


def reopened(store: Store) -> Store:
    store.close()
    return Store(store.path)


def test_a_saved_session_is_there_after_a_restart(store: Store) -> None:
    save(store, record("a"))
    with contextlib.closing(reopened(store)) as again:
        assert list(again.load_sessions(Record.from_json)) == [record("a")]


def test_a_saved_session_is_there_for_another_process_at_once(store: Store) -> None:
    save(store, record("a"))
    with contextlib.closing(sqlite3.connect(store.path)) as other:
        assert other.execute("SELECT key FROM sessions").fetchall() == [("a",)]


def test_sessions_come_in_the_order_of_their_birth_however_often_they_changed(
    store: Store,
) -> None:
    for key in "abc":
        save(store, record(key))
    save(store, record("a", State.BUSY))
    assert [one.key for one in store.load_sessions(Record.from_json)] == ["a", "b", "c"]


def test_old_ended_sessions_go_with_their_evals_and_nothing_else_does(store: Store) -> None:
    save(store, record("old", State.STOPPED, ended=10.0))
    save(store, record("new", State.STOPPED, ended=30.0))
    save(store, record("alive"))
    for key in ("old", "new", "alive"):
        store.save_eval(f"eval-{key}", key, 5.0, {})
    assert store.forget_sessions(ended_before=20.0) == 1
    assert [one.key for one in store.load_sessions(Record.from_json)] == ["new", "alive"]
    assert store.load_eval("eval-old") is None
    assert store.load_dropped("eval-old")
    assert store.load_eval("eval-new") == {}
    assert store.load_eval("eval-alive") == {}


def test_unfinished_evals_come_in_the_order_they_were_asked(store: Store) -> None:
    for name in "abc":
        store.save_eval(name, "s", 0.0, {"id": name})
    store.save_eval("a", "s", 0.0, {"id": "a", "began": 1})
    store.save_eval("done", "s", 7.0, {"id": "done"})
    assert [one["id"] for one in store.unfinished_evals()] == ["a", "b", "c"]


def test_only_the_newest_finished_evals_of_one_session_are_kept(store: Store) -> None:
    for number in range(5):
        store.save_eval(f"s{number}", "s", float(number + 1), {})
    store.save_eval("running", "s", 0.0, {})
    store.save_eval("other", "t", 1.0, {})
    store.drop_evals("s", 2, "only two are kept")
    left = [n for n in ("s0", "s1", "s2", "s3", "s4", "running", "other") if _has(store, n)]
    assert left == ["s3", "s4", "running", "other"]


def test_it_is_remembered_of_a_dropped_eval_how_it_ended_and_why_it_was_dropped(
    store: Store,
) -> None:
    store.save_eval("old", "s", 1.0, {"outcome": {"status": "failed"}})
    store.save_eval("new", "s", 9.0, {})
    store.save_eval("running", "s", 0.0, {})
    store.drop_old_evals(5.0, "it was old")
    assert [_has(store, name) for name in ("old", "new", "running")] == [False, True, True]
    found = store.load_dropped("old")
    assert found
    assert found._replace(dropped=0) == Dropped("s", "failed", 1.0, 0, "it was old")
    assert store.load_dropped("new") is None
    store.forget_dropped(found.dropped + 1)
    assert store.load_dropped("old") is None


def test_the_parts_of_an_eval_go_with_it_also_when_an_older_kaimond_drops_it(
    store: Store,
) -> None:
    for name in ("old", "new"):
        store.save_eval(name, "s", 1.0, {}, [("value:image/png", b"\0"), ("a", b"2")])
        store.add_parts(name, [("a", b"3")])
    # These are its own statements.
    store._db.execute("INSERT INTO evals VALUES (?1, ?2, ?3, ?4)", ("its", "s", 1.0, "{}"))
    store._db.execute("DELETE FROM evals WHERE id = ?", ("old",))
    assert store.load_parts("old") == []
    assert store.load_parts("new") == [("value:image/png", b"\0"), ("a", b"2"), ("a", b"3")]
    store.save_eval("new", "s", 2.0, {}, [("a", b"4")])
    assert store.load_parts("new") == [("a", b"4")]


def test_what_is_written_together_is_stored_whole_or_not_at_all(store: Store) -> None:
    def half() -> None:
        with store.together():
            store.save_call("agent", "1", 1.0, {})
            store.save_eval("a", "s", 0.0, {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert store.load_call("agent", "1") is None
    assert store.load_eval("a") is None
    store.save_eval("a", "s", 0.0, {})
    assert store.load_eval("a") == {}


def _has(store: Store, eval_id: str) -> bool:
    return store.load_eval(eval_id) is not None


def test_a_call_is_known_by_agent_and_request_together(store: Store) -> None:
    store.save_call("agent", "1", 1.0, {"tool": "ex"})
    assert store.load_call("agent", "1") == {"tool": "ex"}
    assert store.load_call("agent", "2") is None
    assert store.load_call("other", "1") is None


def test_old_calls_are_forgotten(store: Store) -> None:
    store.save_call("agent", "1", 1.0, {})
    store.save_call("agent", "2", 2.0, {})
    store.forget_calls(made_before=2.0)
    assert store.load_call("agent", "1") is None
    assert store.load_call("agent", "2") == {}


def test_a_database_of_a_newer_kaimond_is_refused_in_words_and_left_as_it_is(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        made.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert "newer kaimond" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_in_words_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"This is a poem, not a database.\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be read") as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_directory_in_the_place_of_the_database_is_refused_in_words(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        Store(path)


def test_a_damaged_session_is_refused_in_words_and_left_as_it_is(path: Path) -> None:
    with contextlib.closing(Store(path)) as store:
        save(store, record("a"))
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("UPDATE sessions SET record = ?", (json.dumps({"key": "a", "state": "?"}),))
        made.commit()
    with (
        contextlib.closing(Store(path)) as store,
        pytest.raises(StoreError, match="session a") as caught,
    ):
        list(store.load_sessions(Record.from_json))
    assert "Nothing was changed" in str(caught.value)
    with contextlib.closing(sqlite3.connect(path)) as made:
        assert made.execute("SELECT key FROM sessions").fetchall() == [("a",)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "kaimond.db"
    with contextlib.closing(Store(path)) as store:
        for number in range(40):
            save(store, record(f"{number:08x}"))
    return path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), junk=st.binary(min_size=1, max_size=64))
def test_a_database_damaged_anywhere_is_read_or_refused_in_words(
    sound: bytes, path: Path, where: float, junk: bytes
) -> None:
    start = int(where * len(sound))
    path.write_bytes(sound[:start] + junk + sound[start + len(junk) :])
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    try:
        with contextlib.closing(Store(path)) as store:
            found = list(store.load_sessions(Record.from_json))
    except StoreError as error:
        assert str(path) in str(error)  # noqa: PT017 - refusing is one of two right answers
    else:
        assert all(isinstance(one, Record) for one in found)

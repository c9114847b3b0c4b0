"""Which session a call means, and what it hears if that cannot be told."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.errors import SessionError
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event
from kaimond.store.database import Store
from kaimond.supervisor.view import choose, iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaimond.supervisor.supervisor import Supervisor


class Desk:
    """A registry, and the part of a supervisor that choosing needs."""

    def __init__(self, store: Store) -> None:
        self.registry = Registry(store, Bus())
        sessions = SimpleNamespace(all_verified=self._alive, get=self._session)
        double = SimpleNamespace(registry=self.registry, sessions=sessions)
        self.supervisor = cast("Supervisor", double)

    def _session(self, key: str) -> Any:
        record = self.registry.get(key)
        return SimpleNamespace(key=key, record=record) if record and record.alive else None

    def _alive(self) -> list[Any]:
        return [self._session(record.key) for record in self.registry.alive()]

    def start(self, project: str, name: str = "") -> str:
        return self.registry.create(project, name, "agent", "julia").key

    def end(self, key: str, **changes: object) -> None:
        self.registry.apply(key, Event.EXITED, "test", ended=1_700_000_000.0, **changes)

    def choice(self, key: str = "") -> str:
        return choose(self.supervisor, key).key

    def refusal(self, key: str = "") -> tuple[str, str]:
        with pytest.raises(SessionError) as caught:
            choose(self.supervisor, key)
        return caught.value.kind, caught.value.message


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with contextlib.closing(Store(tmp_path / "db")) as store:
        yield Desk(store)


def test_the_only_session_need_not_be_named(desk: Desk) -> None:
    key = desk.start("/a")
    assert desk.choice() == key
    assert desk.choice(key) == key


def test_an_ended_session_does_not_make_the_only_one_ambiguous(desk: Desk) -> None:
    gone, key = desk.start("/a"), desk.start("/b")
    desk.end(gone)
    assert desk.choice() == key


def test_without_a_session_the_call_hears_how_to_start_one(desk: Desk) -> None:
    kind, message = desk.refusal()
    assert kind == "no-session"
    assert "start_session(project_path=" in message


def test_with_several_sessions_all_are_listed_and_none_is_guessed(desk: Desk) -> None:
    first, second = desk.start("/a/Proj"), desk.start("/a/Proj", "second")
    kind, message = desk.refusal()
    assert kind == "which-session"
    assert f"Available: {first} (Proj, /a/Proj), {second} (Proj:second, /a/Proj)" in message


def test_a_key_that_nobody_has_is_told_with_what_there_is(desk: Desk) -> None:
    key = desk.start("/a")
    for given in ("ffffffff", key[:4], key.upper() + "x", " " + key):
        kind, message = desk.refusal(given)
        assert kind == "unknown-session"
        assert repr(given) in message
        assert f"Available: {key}" in message


def test_an_unknown_key_without_any_session_says_that_there_is_none(desk: Desk) -> None:
    assert "There is no session now" in desk.refusal("ffffffff")[1]


def test_a_key_that_has_ended_tells_when_and_how_and_which_one_is_there_now(desk: Desk) -> None:
    old = desk.start("/a/Proj")
    desk.end(old, ending="Its process 7 exited with code 3.", last_output="last words")
    kind, message = desk.refusal(old)
    assert kind == "ended-session"
    assert "ended at 2023-11-14T22:13:20Z. Its process 7 exited with code 3." in message
    assert "has no session now" in message
    assert message.endswith("last words")
    new = desk.start("/a/Proj")
    assert f"The project's session is now {new}." in desk.refusal(old)[1]
    other_name = desk.start("/a/Proj", "second")
    assert other_name not in desk.refusal(old)[1]


def test_times_are_in_utc_and_never_is_empty() -> None:
    assert iso(0) == ""
    assert iso(1_700_000_000.5) == "2023-11-14T22:13:20Z"

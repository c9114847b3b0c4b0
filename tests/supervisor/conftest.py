"""Sessions to choose among, without processes."""

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
from kaimond.supervisor.view import choose

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

    def keyed(self, project: str, *keys: str) -> list[str]:
        """Sessions with these keys; all but the first have names."""
        for key in keys:
            name = "" if key == keys[0] else key
            self.registry.create_joined(key, project=project, name=name)
        return list(keys)

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

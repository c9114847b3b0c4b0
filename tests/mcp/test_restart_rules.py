from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.config.preferences import Preferences
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.mcp import restart_rules
from kaimond.registry.record import Record
from kaimond.registry.state import State

if TYPE_CHECKING:
    from kaimond.core import Core

KEY = "0a1b2c3d"
STALE = "src/a.jl: the type S changed; restart the session"


class Stale:
    """A session whose source only a restart makes current, and all that is asked of a daemon."""

    def __init__(self, record: Record, preferences: Preferences) -> None:
        self.record = record
        self.done: list[str] = []
        self.refuses = False
        self.source = SimpleNamespace(doubtful=lambda _key: True)
        self.projects = SimpleNamespace(preferences=lambda _project: preferences)
        self.history = SimpleNamespace(finished=self._finished)

    @property
    def core(self) -> Core:
        paths = SimpleNamespace(projects_file=Path("/projects.json"))
        return cast("Core", SimpleNamespace(supervisor=self, paths=paths))

    def reread(self, *_args: Any) -> Any:
        if self.refuses:
            raise SessionError(ErrorKind.NOT_READY, "It was not read.")
        self.done.append("read")
        return SimpleNamespace(id="e")

    async def _finished(self, _id: str) -> Eval:
        parts = (("stale", STALE.encode()), ("restart", b"1"))
        outcome = Outcome(status=Status.DONE, elapsed=0.0, output=0, parts=parts)
        return Eval(
            id="e", session=KEY, boot_id="b", code="", agent="a", submitted=0.0, outcome=outcome
        )

    async def restart_if_idle(self, _why: str) -> Any:
        self.done.append("restarted")
        return SimpleNamespace(record=SimpleNamespace(generation=2))


@pytest.mark.parametrize(
    ("wanted", "project_allows", "person_allows", "state", "done"),
    [
        (True, True, True, State.READY, ["read", "restarted"]),
        (False, True, True, State.READY, []),
        (True, False, True, State.READY, []),
        (True, True, False, State.READY, []),
        (True, True, True, State.BUSY, []),
    ],
)
async def test_a_stale_session_is_restarted_only_if_its_user_and_its_person_let_it(
    monkeypatch: pytest.MonkeyPatch,
    *,
    wanted: bool,
    project_allows: bool,
    person_allows: bool,
    state: State,
    done: list[str],
) -> None:
    record = Record(KEY, "/p", "", state, "user", 0.0, allow_restart=person_allows)
    stale = Stale(record, Preferences(restart_when_stale=wanted, allow_restart=project_allows))
    monkeypatch.setattr(restart_rules, "choose", lambda *_: stale)
    said = await restart_rules.restarted_if_stale(stale.core, KEY, "agent")
    assert stale.done == done
    assert (STALE in said) == ("restarted" in done)


async def test_a_session_that_cannot_read_its_files_is_not_restarted_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = Record(KEY, "/p", "", State.READY, "agent", 0.0)
    stale = Stale(record, Preferences(restart_when_stale=True))
    stale.refuses = True
    monkeypatch.setattr(restart_rules, "choose", lambda *_: stale)
    assert not await restart_rules.restarted_if_stale(stale.core, KEY, "agent")
    assert stale.done == []

"""A runner of evals with a scripted link, and a notebook of everything it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.config.settings import EvalSettings
from kaimond.evals.eval_queue import Turn
from kaimond.evals.history import History
from kaimond.evals.spool import Spool
from kaimond.events import Bus, EvalEnded, SessionChanged
from kaimond.gate.frames import Message, decode, encode
from kaimond.registry.registry import Registry
from kaimond.registry.state import Event, State
from kaimond.sessions.eval_runner import EvalRunner
from kaimond.store.database import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from kaimond.evals.eval import Eval
    from kaimond.gate.link import GateLink
    from kaimond.sessions.services import Services

KEY = "0a1b2c3d"


@dataclass
class ScriptedLink:
    """Takes what the runner sends, for a test to look at."""

    notes: list[str]
    sent: list[Message] = field(default_factory=list)

    def send(self, request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()) -> None:
        message = decode(encode(request, verb, fields))
        self.sent.append(message)
        self.notes.append(f"{verb} {message.get('eval') or message.get('code')}")

    def verbs(self) -> list[str]:
        return [message.verb for message in self.sent]


class NoSource:
    """Of a session that runs no source of its own."""

    def fields(self, _item: Eval) -> list[tuple[str, str]]:
        return []

    def heard(self, _item: Eval, _message: Message) -> None:
        pass


class Desk:
    """The runner of one session, with a scripted gate."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes: list[str] = []
        self.finished: list[EvalEnded] = []
        self.link = ScriptedLink(self.notes)
        self.spool = Spool(directory / "spool")
        self.settings = EvalSettings(keep=20)
        self.mirrored = True
        self.failure: Exception | None = None
        self._begin_daemon()
        self.registry.create_joined(KEY, project="/p", name="")
        self.registry.apply(KEY, Event.ANSWERED, "test")
        self.notes.clear()
        self.adopt()

    def _begin_daemon(self) -> None:
        self.bus = bus = Bus()
        self.store = Store(self.directory / "kaimond.db")
        self.registry = Registry(self.store, bus)
        self.history = History(self.store, bus, self.settings)
        bus.subscribe(SessionChanged, self._changed)
        bus.subscribe(EvalEnded, self._ended)

    def _changed(self, event: SessionChanged) -> None:
        word = {"busy": "busy", "ready": "idle"}.get(event.state)
        self.notes += [f"{word} {event.session}"] if word else []

    def _ended(self, event: EvalEnded) -> None:
        self.finished.append(event)
        if self.failure:
            raise self.failure

    def another(self, key: str, spool: Spool) -> EvalRunner:
        """The runner of another session, or of this one with another spool."""
        return self._runner("boot1", key, spool)

    def _runner(self, boot_id: str, key: str = KEY, spool: Spool | None = None) -> EvalRunner:
        services = SimpleNamespace(history=self.history, registry=self.registry, source=NoSource())
        return EvalRunner(
            key,
            boot_id,
            cast("GateLink", self.link),
            spool or self.spool,
            self.turn,
            cast("Services", services),
            lambda: self.mirrored,
        )

    def submit(self, code: str, *, quiet: bool = False, silent: bool = False) -> Eval:
        return self.runner.submit(
            code,
            "agent",
            quiet=quiet,
            silent=silent,
            journal=lambda eval_id: self.notes.append(f"journal {eval_id}"),
        )

    def result(self, eval_id: str, status: str = "ok", **fields: Any) -> None:
        given = [("status", status), ("elapsed", "0.5"), ("output", "0"), *fields.items()]
        names = [(name, str(value).encode()) for name, value in given]
        self.hear(Message(eval_id, "result", tuple(names)))

    def hear(self, message: Message) -> None:
        self.runner.heard(message)

    def hold(self) -> None:
        """A person's input is evaluated."""
        self.turn.begin("terminal")
        self.runner.next()

    def release(self) -> None:
        """It has ended."""
        self.turn.end()
        self.runner.next()

    def state(self) -> State:
        record = self.registry.get(KEY)
        assert record
        return record.state

    def stored(self, eval_id: str) -> dict[str, Any]:
        data = self.store.load_eval(eval_id)
        assert data is not None
        return data

    def daemon_killed(self) -> None:
        """All that is left is the database and the spool; a new daemon adopts the session."""
        self.store.close()
        self.notes.clear()
        self.link = ScriptedLink(self.notes)
        self._begin_daemon()

    def adopt(self, boot_id: str = "boot1") -> None:
        self.turn = Turn()
        self.runner = self._runner(boot_id)
        self.runner.resume()

    def reopen(self, boot_id: str) -> None:
        """Another process image."""
        self.runner = self._runner(boot_id)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()

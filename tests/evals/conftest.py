"""A book of evals with a scripted link, and a notebook of everything it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.config.settings import EvalSettings
from kaimond.evals.all_evals import EvalBook
from kaimond.evals.spool import Spool
from kaimond.gate.frames import Message, decode, encode
from kaimond.store.database import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from kaimond.evals.eval import Eval
    from kaimond.gate.link import Link

KEY = "0a1b2c3d"


@dataclass
class ScriptedLink:
    """Takes what the book sends, for a test to look at."""

    notes: list[str]
    sent: list[Message] = field(default_factory=list)

    def send(self, request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()) -> None:
        message = decode(encode(request, verb, fields))
        self.sent.append(message)
        self.notes.append(f"{verb} {message.get('eval') or message.get('code')}")

    def verbs(self) -> list[str]:
        return [message.verb for message in self.sent]


class Desk:
    """A book with one open session."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes: list[str] = []
        self.finished: list[Eval] = []
        self.store = Store(directory / "kaimond.db")
        self.link = ScriptedLink(self.notes)
        self.spool = Spool(directory / "spool")
        self.settings = EvalSettings(keep=20)
        self.mirrored = True
        self.book = self._book()
        self.book.opened(KEY, cast("Link", self.link), self.spool, "boot1")
        self.failure: Exception | None = None

    def _book(self) -> EvalBook:
        def finished(item: Eval) -> None:
            self.finished.append(item)
            if self.failure:
                raise self.failure

        return EvalBook(
            self.store,
            lambda key: self.notes.append(f"busy {key}"),
            lambda key: self.notes.append(f"idle {key}"),
            finished,
            self.settings,
            mirrored=lambda key: key == KEY and self.mirrored,
        )

    def submit(self, code: str, *, quiet: bool = False, silent: bool = False) -> Eval:
        return self.book.submit(
            KEY,
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
        self.book.heard(KEY, message)

    def stored(self, eval_id: str) -> dict[str, Any]:
        data = self.store.load_eval(eval_id)
        assert data is not None
        return data

    def daemon_killed(self) -> None:
        """All that is left is the database and the spool; a new daemon adopts the session."""
        self.store.close()
        self.notes.clear()
        self.link = ScriptedLink(self.notes)
        self.store = Store(self.directory / "kaimond.db")
        self.book = self._book()

    def adopt(self, boot_id: str = "boot1") -> None:
        self.book.adopted(KEY, cast("Link", self.link), self.spool, boot_id)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")

"""A check with real files, a scripted session and no Julia."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from kaimond.evals.eval import Eval
from kaimond.events import Bus
from kaimond.gate.frames import Message
from kaimond.source.source_check import SourceCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEY = "0a1b2c3d"


@dataclass
class Scripted:
    """A session that says whatever a test wants, and its check.

    Attributes:
        directory: of its package.
        runs: text by file name, as the session has it.
        cures: whether reading everything again helps.
    """

    directory: Path
    key: str = KEY
    runs: dict[str, str] = field(default_factory=dict)
    cures: bool = True
    reviser: str = "auto"
    busy: bool = False
    tries: int = 0
    revision: int = 0
    evals: int = 0
    began: float = 0.0

    def __post_init__(self) -> None:
        self.project = str(self.directory)
        self.check = SourceCheck(Bus())
        self.check.opened(self)

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def edit(self, name: str, text: str) -> None:
        """Write, and the watcher has told of it; when it really tells nobody knows."""
        self.write(name, text)
        self.check._changed(frozenset({str(self.directory / name)}))

    def run(self, name: str, text: str) -> None:
        """The session takes up a text."""
        self.runs[name] = text
        self.revision += 1

    async def read_again(self) -> None:
        """It takes up what is on the disk, unless it is incurable."""
        self.tries += 1
        if self.cures:
            for name in self.runs:
                self.run(name, (self.directory / name).read_text())
        self.end_eval(thorough=True)

    def message(self, known: str, *said: tuple[str, str]) -> Message:
        """A result, with what the session runs if the daemon does not know it."""
        fields = [("status", "ok"), *said]
        if known != str(self.revision):
            fields += [("sources", str(self.revision)), ("reviser", "R"), ("package", "P")]
            for name, text in self.runs.items():
                digest = hashlib.sha256(text.encode()).hexdigest()
                fields.append(("file", f"{digest} {self.directory / name}"))
        return Message("1", "result", tuple((name, text.encode()) for name, text in fields))

    async def evaluate(self, *said: tuple[str, str], began: float = 0.0) -> list[str]:
        """An eval begins now, or as told, and ends; return what is said below its answer."""
        return await self.check.finding(self.end_eval(*said, began=began))

    def end_eval(self, *said: tuple[str, str], thorough: bool = False, began: float = 0.0) -> Eval:
        """An eval has ended; none begins before an earlier one."""
        self.evals += 1
        self.began = began or max(time.time(), self.began)
        item = Eval(
            id=f"{self.evals:08x}",
            session=KEY,
            boot_id="b",
            code="1",
            agent="a",
            submitted=0.0,
            began=self.began,
            thorough=thorough,
        )
        known = dict(self.check.fields(item))["known"]
        self.check.heard(item, self.message(known, *said))
        return item


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    made = Scripted(tmp_path)
    yield made
    await made.check.close()

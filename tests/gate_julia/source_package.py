"""A Julia package on the disk that a test edits while a session has it loaded."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gate_julia.gate_process import GateProcess, Outcome

_numbers = itertools.count(1)


@dataclass
class SourcePackage:
    """A package in a directory of the session's load path; `NAME` in its files is its name.

    Attributes:
        gate: the session.
        main: the body of its module.
        files: further files in its src directory.
    """

    gate: GateProcess
    main: str
    files: dict[str, str] = field(default_factory=dict)

    def loaded(self) -> Self:
        """Write it and load it."""
        self.name = f"Edited{next(_numbers)}"
        for name, text in self.files.items():
            self.write(name, text)
        self.body(self.main)
        # Without a cache file, what was written so shortly before may have been so during loading.
        time.sleep(0.05)
        self.value("1")
        return self

    def path(self, name: str) -> Path:
        return self.gate.home / "packages" / self.name / "src" / name

    def body(self, text: str) -> None:
        """Replace what is between `module` and `end`."""
        self.write(f"{self.name}.jl", f"module {self.name}\n{text}\nend\n")

    def write(self, name: str, text: str) -> None:
        """Write a file in place."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("NAME", self.name).encode())

    def replace(self, name: str, text: str) -> None:
        """Write a file beside, and rename it over the old one."""
        beside = self.path(name + ".new")
        beside.write_text(text.replace("NAME", self.name), encoding="utf-8")
        beside.replace(self.path(name))

    def evaluate(self, code: str) -> Outcome:
        return self.gate.evaluate(f"import {self.name}; {code}".replace("NAME", self.name))

    def value(self, code: str) -> str:
        """The value of `code`, of which the answer must not say that anything is stale."""
        outcome = self.evaluate(code)
        assert outcome.status == "ok", outcome
        assert not outcome.shows("stale"), outcome
        assert outcome.value is not None, outcome
        return outcome.value

    def stale(self, code: str = "1") -> tuple[str, str]:
        """The value of `code`, and what the answer says to be stale of this package."""
        outcome = self.evaluate(code)
        assert outcome.status == "ok", outcome
        assert outcome.value is not None, outcome
        return outcome.value, outcome.reply.text("stale")

    def reloaded(self, code: str = "1") -> list[str]:
        """What the answer to `code` says was taken up, by file name."""
        outcome = self.evaluate(code)
        lines = outcome.reply.text("reloaded").split("\n") if outcome.shows("reloaded") else []
        return [line.rpartition("/")[2] for line in lines]

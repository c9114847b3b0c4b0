"""A home of its own and the doctor's view of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond.doctor.world import Contact, DaemonState, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.checks import Check
    from kaimond.doctor.finding import Finding

NOBODY = Contact(DaemonState.ABSENT, "kaimond is not running.")


class Patient:
    """A temporary home; `environ` may be changed before something is examined."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "KAIMON_RUNTIME_DIR": str(home / "run"),
        }
        self.contact = NOBODY

    @property
    def world(self) -> World:
        return World(self.contact, self.environ)

    def examine(self, check: Check) -> list[Finding]:
        return list(check(self.world))

    def one(self, check: Check) -> Finding:
        (finding,) = self.examine(check)
        return finding

    def julia(self, name: str = "julia", version: str = "1.11.2") -> Path:
        """A program that says it is Julia, in a folder that is first in the PATH."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(f"#!/bin/sh\necho julia version {version}\n")
        program.chmod(0o755)
        if not self.environ["PATH"].startswith(f"{folder}:"):
            self.environ["PATH"] = f"{folder}:{self.environ['PATH']}"
        return program

    def config(self, name: str, text: str) -> Path:
        """A file of the configuration."""
        file = self.world.paths.config / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def patient() -> Iterator[Patient]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield Patient(made)
    shutil.rmtree(made)

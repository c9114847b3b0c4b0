"""A home with a kaimonctl of its own, for what it does to clients' files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import strict

if TYPE_CHECKING:
    from collections.abc import Iterator

CTL = "import sys; from kaimond.ctl import main; sys.exit(main())"


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.program = path / "bin" / "kaimon-mcp"
        self.program.parent.mkdir()
        # Beside this home's own kaimonctl, where the real one is looked for.
        self.put_program("echo kaimon-mcp 0")
        self.environ = {
            "HOME": str(path),
            "PATH": f"{self.program.parent}:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def put_program(self, body: str) -> None:
        ctl = self.program.with_name("kaimonctl")
        ctl.write_text(f"#!{sys.executable}\n{CTL}\n")
        ctl.chmod(0o755)
        self.program.write_text(f"#!/bin/sh\n{body}\n")
        self.program.chmod(0o755)

    def mcp(
        self, *arguments: str, code: int = 0, stdin: int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        return self.ctl("mcp", *arguments, code=code, stdin=stdin)

    def ctl(
        self, *arguments: str, code: int = 0, stdin: int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.program.parent / "kaimonctl", *arguments],
            env=self.environ,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stderr
        return done

    def read(self, name: str) -> Any:
        text = (self.path / name).read_text()
        return tomllib.loads(text) if name.endswith(".toml") else strict.read(text)


@pytest.fixture
def home() -> Iterator[Home]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
    yield Home(made)
    shutil.rmtree(made)

"""Where the story happens: a temporary home with real programs in it, and nothing of yours."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import find_or_fetch
import private_depot
import psutil

from kaimond import paths

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = Path(sys.executable).parent

_PASSED: Final = ("LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER")
"""What a program in the story sees of your environment; nothing in it leads to your files."""

_COMMAND_LIMIT: Final = 60.0
_END_LIMIT: Final = 30.0
"""Seconds that everything has to be gone once the daemon was asked to end."""


class Stage:
    """A temporary home directory.

    Attributes:
        home: its path. It is short, because paths of sockets must be.
        environment: what programs run with.
        project: a copy of examples/MyPkg in it.
        julia: the Julia in use, in words.

    Raises:
        find_or_fetch.NoJuliaError: there is no Julia.
    """

    def __init__(self) -> None:
        found = find_or_fetch.find(os.environ, CHECKOUT)
        self.julia = f"Julia {found.version} ({found.origin})"
        # Julia tells real paths, and /tmp is a link on macOS.
        self.home = Path(tempfile.mkdtemp(prefix="kdemo", dir="/tmp")).resolve()
        try:
            program = _standalone(found.path)
            self.environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
            self.environment |= private_depot.create(self.home / "depot", program)
            self.environment |= {
                "HOME": str(self.home),
                "KAIMON_RUNTIME_DIR": str(self.home / "run"),
            }
            self._paths = paths.resolve(self.environment)
            self._paths.config.mkdir(mode=0o700, parents=True)
            # TOML's basic strings are written as JSON's are.
            settings = f"[julia]\ncommand = {json.dumps(str(program))}\n"
            self._paths.settings_file.write_text(settings, encoding="utf-8")
            self.project = self.home / "MyPkg"
            shutil.copytree(CHECKOUT / "examples" / "MyPkg", self.project)
        except BaseException:
            shutil.rmtree(self.home, ignore_errors=True)
            raise

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our programs to its end; both outputs are in its `stdout`."""
        return subprocess.run(
            [str(PROGRAMS / program), *arguments],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_COMMAND_LIMIT,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """Every process that lives in this home: shims, the daemon, Julia and their children."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("HOME") == str(self.home):
                    found.append(process)
        return found

    def sockets(self) -> list[Path]:
        """Every socket in this home."""
        return [path for path in self.home.rglob("*") if path.is_socket()]

    def wait_until_empty(self) -> list[str]:
        """Wait until no process is left; return the command lines of those that stay."""
        until = time.monotonic() + _END_LIMIT
        while (left := self.processes()) and time.monotonic() < until:
            psutil.wait_procs(left, timeout=0.1)
        return [_described(process) for process in left]

    def log_tail(self, lines: int) -> str:
        """The last lines of the daemon's log, for a story that failed."""
        try:
            text = self._paths.server_log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def remove(self) -> None:
        """End whatever still runs here and remove the home. Does no harm when done twice."""
        if self.processes():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                self.run("kaimonctl", "stop")
        until = time.monotonic() + _END_LIMIT
        # What is just being started may appear after a look, so one look is not enough.
        while (left := self.processes()) and time.monotonic() < until:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=1)
        shutil.rmtree(self.home, ignore_errors=True)


def _standalone(julia: Path) -> Path:
    """The Julia itself, if ``julia`` is juliaup's launcher, which looks for its Julias in HOME."""
    if julia.resolve().name != "julialauncher":
        return julia
    program = [str(julia), "--startup-file=no", "-e", "print(Sys.BINDIR)"]
    bindir = subprocess.run(
        program, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=True
    ).stdout
    return Path(bindir) / "julia"


def _described(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)

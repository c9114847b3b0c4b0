"""A user's home with real programs in it, checked for leftovers when it is closed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from kaimond import paths
from tests.support import precompiled
from tests.support.wait import wait_until

PROGRAMS = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[2]

_CLIENTS_PASS = ("PATH", "LANG", "USER", "LOGNAME", "SHELL", "TERM")


class Home:
    """A temporary home directory with its own daemon and projects, and a shared Julia depot.

    Args:
        julia: environment variables with which programs find Julia and its depot.
    """

    def __init__(self, julia: dict[str, str]) -> None:
        # Short, because socket paths must be; pytest's own directories are too long.
        self.path = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
        self.env = {name: os.environ[name] for name in _CLIENTS_PASS if name in os.environ}
        self.env |= julia
        self.env |= {"HOME": str(self.path), "KAIMON_RUNTIME_DIR": str(self.path / "run")}
        self.paths = paths.resolve(self.env)
        precompiled.put_into(self.paths.gate_caches, self.env)
        self.daemons: list[subprocess.Popen[str]] = []

    # Projects

    def project(self, name: str = "Proj", *, allowed: bool = True) -> Path:
        """Create a small Julia project, by default an allowed one."""
        directory = self.path / name
        directory.mkdir()
        (directory / "Project.toml").write_text("", encoding="utf-8")
        if allowed:
            self.allow(directory)
        return directory

    def example(self) -> Path:
        """Create a copy of examples/MyPkg and allow it."""
        directory = self.path / "MyPkg"
        shutil.copytree(CHECKOUT / "examples" / "MyPkg", directory)
        self.allow(directory)
        return directory

    def allow(self, directory: Path) -> None:
        """Add a project to the list, as a person might by hand."""
        file = self.paths.projects_file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listed = json.loads(file.read_text()) if file.exists() else {"projects": []}
        listed["projects"].append({"project_path": str(directory)})
        file.write_text(json.dumps(listed))

    # Programs

    def kaimond(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the daemon's program until it exits."""
        return self._run("kaimond", *arguments)

    def kaimonctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `kaimonctl`."""
        return self._run("kaimonctl", *arguments)

    def status(self) -> dict[str, Any]:
        """Return the output of `kaimonctl status --json`."""
        done = self.kaimonctl("status", "--json")
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAMS / program), *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def start_daemon(self, **environ: str) -> subprocess.Popen[str]:
        """Start the daemon in the foreground and wait until it answers."""
        daemon = self.spawn_daemon(**environ)
        wait_until(lambda: self.announced() == daemon.pid or daemon.poll() is not None)
        assert daemon.poll() is None, (self.path / "daemon.out").read_text()
        return daemon

    def spawn_daemon(self, **environ: str) -> subprocess.Popen[str]:
        """Start the daemon in the foreground without waiting for it."""
        log = (self.path / "daemon.out").open("a")
        with log:
            daemon = subprocess.Popen(
                [str(PROGRAMS / "kaimond")],
                env=self.env | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.daemons.append(daemon)
        return daemon

    def announced(self) -> int:
        """Return the pid of the daemon that announced it is ready, or 0."""
        try:
            return int(json.loads(self.paths.pid_file.read_text())["pid"])
        except (OSError, ValueError):
            return 0

    def server_log(self) -> str:
        """Return the whole server log."""
        return self.paths.server_log.read_text() if self.paths.server_log.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """Return every process that runs with this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.path):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    # The end

    def close(self) -> None:
        """Stop the daemon in order and check that nothing of it is left."""
        try:
            for pid in {self.announced(), *(d.pid for d in self.daemons if d.poll() is None)} - {0}:
                os.kill(pid, signal.SIGTERM)
            for daemon in self.daemons:
                daemon.wait(60)
            left = wait_until_or(lambda: not self.processes(), self.processes)
            assert not left, f"processes left behind: {[p.cmdline() for p in left]}"
            for directory in (self.paths.sockets, self.paths.spool):
                files = [str(file) for file in directory.rglob("*")]
                assert not files, f"files left behind: {files}"
            runtime = [file.name for file in self.paths.runtime.glob("*")]
            stray = set(runtime) - {"kaimond.lock", "start.lock", "start.log"}
            assert not stray, f"left in the runtime directory: {stray}"
        finally:
            for process in self.processes():
                process.kill()
            shutil.rmtree(self.path, ignore_errors=True)


def wait_until_or(condition: Any, remaining: Any, timeout: float = 60.0) -> Any:
    """Wait for a condition; on a timeout, return ``remaining()``."""
    try:
        wait_until(condition, timeout)
    except AssertionError:
        return remaining()
    return []

"""A user's home of its own, with real programs in it, checked for leftovers when it is closed."""

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
    """A temporary home directory: a private daemon, private projects, a shared Julia depot.

    Args:
        julia: environment variables that find Julia and its depot.
    """

    def __init__(self, julia: dict[str, str]) -> None:
        # Short, because sockets' paths are: pytest's own folders are too long for them.
        self.path = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
        self.env = {name: os.environ[name] for name in _CLIENTS_PASS if name in os.environ}
        self.env |= julia
        self.env |= {"HOME": str(self.path), "KAIMON_RUNTIME_DIR": str(self.path / "run")}
        self.paths = paths.resolve(self.env)
        precompiled.put_into(self.paths.gate_caches, self.env)
        self.daemons: list[subprocess.Popen[str]] = []

    # Projects

    def project(self, name: str = "Proj", *, allowed: bool = True) -> Path:
        """A small Julia project, allowed unless told otherwise."""
        directory = self.path / name
        directory.mkdir()
        (directory / "Project.toml").write_text("", encoding="utf-8")
        if allowed:
            self.allow(directory)
        return directory

    def example(self) -> Path:
        """A copy of examples/MyPkg, allowed."""
        directory = self.path / "MyPkg"
        shutil.copytree(CHECKOUT / "examples" / "MyPkg", directory)
        self.allow(directory)
        return directory

    def allow(self, directory: Path) -> None:
        """Put a project on the list, by hand as a person might."""
        file = self.paths.projects_file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listed = json.loads(file.read_text()) if file.exists() else {"projects": []}
        listed["projects"].append({"project_path": str(directory)})
        file.write_text(json.dumps(listed))

    # Programs

    def kaimond(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the daemon's program to its end."""
        return self._run("kaimond", *arguments)

    def kaimonctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kaimonctl."""
        return self._run("kaimonctl", *arguments)

    def status(self) -> dict[str, Any]:
        """What `kaimonctl status --json` says."""
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
        """Start the daemon in the foreground and do not wait for it."""
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
        """Pid of the daemon that says it is ready, 0 if none does."""
        try:
            return int(json.loads(self.paths.pid_file.read_text())["pid"])
        except (OSError, ValueError):
            return 0

    def server_log(self) -> str:
        """All of the server log."""
        return self.paths.server_log.read_text() if self.paths.server_log.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """Every process that runs with this home."""
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
        """End the daemon in order and check that nothing of it is left."""
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
    """Wait for a condition; return what remains if it does not come."""
    try:
        wait_until(condition, timeout)
    except AssertionError:
        return remaining()
    return []

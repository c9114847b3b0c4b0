"""A tree that runs: booted by systemd-nspawn, with commands in it as root or as a user."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

USER = "you"
UID = 1000
HOME = f"/home/{USER}"
PATH = f"{HOME}/.local/share/kaimond/bin:/opt/julia/bin:/usr/bin:/bin"
"""Of the user's shell; systemd's own has neither of the first two."""

DEADLINE = 180.0


class FailedError(Exception):
    """Something is not as it should be."""


def wait_until(condition: Callable[[], T], what: str, timeout: float = DEADLINE) -> T:
    """Wait until a condition holds and return its value.

    Raises:
        FailedError: it does not within ``timeout`` seconds.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise FailedError(f"not within {timeout:.0f} s: {what}")
        time.sleep(0.1)


class Machine:
    """A container. It is off when its context ends, whatever happened."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._folder = folder
        self._options = list(options)
        self._console = folder.with_suffix(".console")
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._nspawn and self._nspawn.poll() is None:
            self._nspawn.terminate()
            try:
                self._nspawn.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()

    def boot(self) -> None:
        """Switch it on, and wait until it has started what it starts."""
        with self._console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    "systemd-nspawn",
                    "--quiet",
                    f"--directory={self._folder}",
                    f"--machine={self._folder.name}",
                    "--register=no",
                    "--keep-unit",
                    "--private-network",
                    "--link-journal=no",
                    "--resolv-conf=off",
                    "--timezone=off",
                    "--console=pipe",
                    *self._options,
                    "--boot",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._leader = wait_until(self._find_leader, "the container has a process 1")
        wait_until(
            lambda: (
                self.root("systemctl is-system-running --wait").strip() in {"running", "degraded"}
            ),
            "systemd has started",
        )

    def wait_for_user(self) -> None:
        """Wait until the user has a systemd, which lingering starts at boot."""
        private = f"/run/user/{UID}/systemd/private"
        wait_until(lambda: self.root(f"ls {private}"), "the user has a systemd")

    def off(self) -> None:
        """Switch it off in order."""
        assert self._nspawn
        self.root("systemctl poweroff")
        try:
            self._nspawn.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise FailedError(f"the machine is not off after {DEADLINE:.0f} s") from None

    def _find_leader(self) -> int:
        """Our pid of the container's process 1."""
        assert self._nspawn
        if self._nspawn.poll() is not None:
            raise FailedError("systemd-nspawn has ended: " + self.console()[-300:])
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(
                    line.split(":\t", 1)
                    for line in status.read_text().splitlines()
                    if ":\t" in line
                )
            except OSError:
                continue
            parent = int(fields.get("PPid", "0"))
            if parent == self._nspawn.pid and fields.get("NSpid", "").split()[1:] == ["1"]:
                return int(status.parent.name)
        return 0

    def console(self) -> str:
        """What the machine has printed."""
        return self._console.read_text(encoding="utf-8", errors="replace")

    def root(self, command: str) -> str:
        """Output of a shell command of root's, whatever its exit code."""
        return self._run(["sh", "-c", command]).stdout

    def user(self, command: str, *, timeout: float = DEADLINE) -> str:
        """Output of a shell command of the user's that must succeed."""
        done = self.try_user(command, timeout=timeout)
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())
            raise FailedError(f"`{command}` has exit code {done.returncode}: {said}")
        return done.stdout

    def try_user(
        self, command: str, *, timeout: float = DEADLINE
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command of the user's."""
        return self._run([*_AS_USER, command], timeout)

    def begin_user(self, command: str) -> subprocess.Popen[str]:
        """Start a shell command of the user's."""
        return subprocess.Popen(
            [*self._inside, *_AS_USER, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def _inside(self) -> list[str]:
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        return ["nsenter", f"--target={self._leader}", *spaces, "--root", "--wdns=/", "--"]

    def _run(
        self, command: Sequence[str], timeout: float = DEADLINE
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._inside, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedError(f"no end after {timeout:.0f} s: {command[-1]}") from None


_AS_USER = (
    "runuser",
    f"--user={USER}",
    "--",
    "env",
    "-i",
    f"HOME={HOME}",
    f"USER={USER}",
    f"PATH={PATH}",
    f"XDG_RUNTIME_DIR=/run/user/{UID}",
    "JULIA_DEPOT_PATH=/opt/depot:",
    "sh",
    "-c",
)

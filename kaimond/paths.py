"""The paths of all our files and directories.

The runtime directory is defined in `kaimond.runtime`, because the shim needs it and no others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond import runtime

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Paths:
    """All files and directories of one user's Kaimon.

    Attributes:
        runtime: the directory of the control socket, the lock and the pid file.
        sockets: where sessions announce themselves and their gates listen.
        spool: the output of evals, one directory per session key.
        gate_caches: the gate, precompiled for each Julia that sessions use.
        config: the files that the user edits.
        state: the files that the daemon keeps between runs.
    """

    runtime: Path
    sockets: Path
    spool: Path
    gate_caches: Path
    config: Path
    state: Path

    @property
    def control_socket(self) -> Path:
        """The socket that agents and ``kaimonctl`` connect to."""
        return self.runtime / runtime.CONTROL_SOCKET

    @property
    def lock_file(self) -> Path:
        """The lock file, locked by the running daemon for its whole life and never removed."""
        return self.runtime / runtime.DAEMON_LOCK

    @property
    def pid_file(self) -> Path:
        """JSON about the running daemon: pid, version, start time, path of its log."""
        return self.runtime / runtime.PID_FILE

    @property
    def projects_file(self) -> Path:
        """The projects that agents may start, in the format of the specification."""
        return self.config / "projects.json"

    @property
    def settings_file(self) -> Path:
        """The user's own daemon settings; never rewritten by us."""
        return self.config / "kaimond.toml"

    @property
    def settings_overlay(self) -> Path:
        """Settings written by ``kaimonctl``, read after the user's own."""
        return self.config / "kaimond.d"

    @property
    def database(self) -> Path:
        """The registry and the history of evals."""
        return self.state / "kaimond.db"

    @property
    def server_log(self) -> Path:
        """The daemon's own log."""
        return self.state / "log" / "server.log"

    @property
    def session_logs(self) -> Path:
        """Raw output of each session, one file per key."""
        return self.state / "log" / "sessions"

    def session_log(self, key: str) -> Path:
        """Return the file with the raw output of the session ``key``."""
        return self.session_logs / f"{key}.log"

    def session_socket(self, key: str) -> Path:
        """Return the socket on which the gate of the session ``key`` listens."""
        return self.sockets / f"{key}.sock"

    def session_shield(self, key: str) -> Path:
        """Return the file that the gate of the session ``key`` locks to keep SIGINTs away."""
        return self.sockets / f"{key}.lock"

    def announcement(self, key: str) -> Path:
        """Return the file with which a REPL that joined as ``key`` announces itself."""
        return self.sockets / f"{key}.json"

    @property
    def libzmq_file(self) -> Path:
        """The file that tells joining REPLs where to find a libzmq."""
        return self.state / "libzmq"

    def session_spool(self, key: str) -> Path:
        """Return the directory with the output of the evals of the session ``key``."""
        return self.spool / key

    def private_directories(self) -> tuple[Path, ...]:
        """Return the directories that must exist and be private before the daemon works."""
        return (
            self.runtime,
            self.sockets,
            self.spool,
            self.state,
            self.server_log.parent,
            self.session_logs,
        )


def resolve(environ: Mapping[str, str] | None = None, uid: int | None = None) -> Paths:
    """Compute all paths for one user.

    Args:
        environ: the environment to read; the process's own if not given.
        uid: the user's number; the process's own if not given.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or Path.home())
    cache = _xdg(env, "XDG_CACHE_HOME", home / ".cache") / "kaimon"
    return Paths(
        runtime=Path(runtime.runtime_directory(env, uid)),
        sockets=cache / "sock",
        spool=cache / "spool",
        gate_caches=cache / "gate",
        config=_xdg(env, "XDG_CONFIG_HOME", home / ".config") / "kaimon",
        state=_xdg(env, "XDG_STATE_HOME", home / ".local" / "state") / "kaimon",
    )


def _xdg(env: Mapping[str, str], variable: str, default: Path) -> Path:
    # According to the XDG specification a relative path is invalid and must be ignored.
    value = env.get(variable, "")
    return Path(value) if value.startswith("/") else default

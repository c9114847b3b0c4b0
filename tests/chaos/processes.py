"""The processes of a home, as the operating system lists them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    import signal

    from tests.support.home import Home

MARK: Final = "KAIMON_SESSION"


@dataclass(frozen=True)
class Julia:
    """A session's main process.

    Attributes:
        key: the session's key, from the environment.
        process: psutil checks its start time before each signal, so a reused pid is safe.
    """

    key: str
    process: psutil.Process


def julias(home: Home) -> list[Julia]:
    """Return every session's main process, without the processes that it started."""
    return [Julia(key, process) for key, process in marked(home) if _is_main(process)]


def marked(home: Home) -> list[tuple[str, psutil.Process]]:
    """Return every process whose environment has a session's key, with that key."""
    found = []
    for process in home.processes():
        with contextlib.suppress(psutil.Error, OSError):
            key = process.environ().get(MARK)
            if key:
                found.append((key, process))
    return found


def _is_main(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("boot.jl") for word in process.cmdline())
    except psutil.Error:
        return False


def daemon(home: Home) -> psutil.Process | None:
    """Return the running daemon if the announced process is one, or None."""
    pid = home.announced()
    try:
        process = psutil.Process(pid)
        ours = process.environ().get("HOME") == str(home.path)
        if pid and ours and any("kaimond" in word for word in process.cmdline()):
            return process
    except (psutil.Error, OSError):
        pass
    return None


def send(process: psutil.Process, number: signal.Signals) -> bool:
    """Signal a process; return whether it still existed."""
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def zombies(process: psutil.Process) -> list[psutil.Process]:
    """Return the children that have ended without being waited for."""
    found = []
    for child in process.children():
        with contextlib.suppress(psutil.Error):
            if child.status() == psutil.STATUS_ZOMBIE:
                found.append(child)
    return found

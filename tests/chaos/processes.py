"""The processes of a home, as the system shows them."""

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
        key: of the session, from the environment.
        process: psutil checks its start before each signal, so a pid that is used again is safe.
    """

    key: str
    process: psutil.Process


def julias(home: Home) -> list[Julia]:
    """Every session's main process; what it has started itself is left out."""
    return [Julia(key, process) for key, process in marked(home) if _is_main(process)]


def marked(home: Home) -> list[tuple[str, psutil.Process]]:
    """Every process that carries a session's key."""
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
    """The running daemon, if the announced process is one."""
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
    """Signal a process unless it has ended; tell whether it was there."""
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def zombies(process: psutil.Process) -> list[psutil.Process]:
    """Children that have ended and were not waited for."""
    found = []
    for child in process.children():
        with contextlib.suppress(psutil.Error):
            if child.status() == psutil.STATUS_ZOMBIE:
                found.append(child)
    return found

"""Waiting until a daemon is gone, so that another one can start, or has."""

from __future__ import annotations

import json
import time
from typing import Final

from kaimond import paths, runtime
from kaimond.ctl.output import CtlError, ExitCode

_PAUSE: Final = 0.05


def wait_for_end(pid: object, limit: float) -> None:
    """Wait until the daemon with ``pid`` is gone.

    Args:
        pid: its process.
        limit: seconds to wait at most.

    Raises:
        CtlError: it is still there.
    """
    until = time.monotonic() + limit
    # Nobody tells when a lock is let go of but to those who want it, and whoever waited for it in
    # that way would get it in the place of the next daemon.
    while lock_is_held() and announced_pid() in {None, pid}:
        if time.monotonic() >= until:
            raise CtlError(
                f"kaimond (pid {pid}) has not ended within {limit:.0f} s. It may still be ending "
                "its sessions; see `kaimonctl log`.",
                ExitCode.UNKNOWN,
            )
        time.sleep(_PAUSE)


def lock_is_held() -> bool:
    """Whether a daemon is there: it listens, or it will soon, or it is still ending."""
    return bool(runtime.daemon_lock_held(runtime.runtime_directory()))


def announced_pid() -> object:
    """The process that says of itself that it is the daemon; None if none does."""
    try:
        return json.loads(paths.resolve().pid_file.read_text(encoding="utf-8")).get("pid")
    except (OSError, ValueError, AttributeError):
        return None

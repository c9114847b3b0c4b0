"""Waits until a daemon is gone, so that another one can start or has started."""

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
        pid: the daemon's process.
        limit: seconds to wait at most.

    Raises:
        CtlError: the daemon is still there.
    """
    until = time.monotonic() + limit
    # Poll: the release of a lock is announced only to those who try to take it, and a waiter that
    # took it would keep the next daemon from getting it.
    while lock_is_held() and announced_pid() in {None, pid}:
        if time.monotonic() >= until:
            raise CtlError(
                f"kaimond (pid {pid}) has not ended within {limit:.0f} s. It may still be ending "
                "its sessions; see `kaimonctl log`.",
                ExitCode.UNKNOWN,
            )
        time.sleep(_PAUSE)


def lock_is_held() -> bool:
    """Return whether there is a daemon: it is listening, starting or ending."""
    return bool(runtime.daemon_lock_held(runtime.runtime_directory()))


def announced_pid() -> object:
    """Return the pid in the daemon's pid file; None if there is none."""
    try:
        return json.loads(paths.resolve().pid_file.read_text(encoding="utf-8")).get("pid")
    except (OSError, ValueError, AttributeError):
        return None

"""Ends processes that a test started."""

from __future__ import annotations

import contextlib
import os
import signal


def kill(pid: int) -> None:
    """Kill a child and wait until it has ended; leave its exit status to whoever reaps it."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def bury(pid: int) -> None:
    """Kill and reap a child, unless it has been reaped already."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

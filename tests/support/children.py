"""Ending processes of the test's own."""

from __future__ import annotations

import contextlib
import os
import signal


def kill(pid: int) -> None:
    """Kill a child and wait until it has ended; its exit status stays for whoever waits for it."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def bury(pid: int) -> None:
    """Kill a child, unless somebody has waited for it already, and wait for it."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

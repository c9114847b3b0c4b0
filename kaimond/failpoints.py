"""Faults injected at named points of the program, for tests of recovery.

``KAIMON_FAILPOINT=name=kill`` kills the process when it passes that point, ``name=error`` raises
`OSError` there (no space left), and ``name=delay:0.2`` waits for that many seconds.
``name@3=kill`` acts at the third pass. If the variable is unset, a point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import Final

POINTS: Final = (
    "registry.before-save",
    "registry.after-save",
    "eval.before-journal",
    "eval.after-journal",
    "eval.after-save",
    "eval.after-handover",
    "eval.before-end-saved",
    "eval.after-end-saved",
    "start.before-spawn",
    "start.after-spawn",
    "start.after-note",
    "start.after-answer",
    "start.given-up",
    "restart.before-exec",
    "restart.after-exec",
    "restart.after-proof",
    "restart.before-end",
    "restart.before-respawn",
    "stop.before-end",
    "stop.after-end",
    "exit.before-record",
    "exit.after-record",
    "adopt.before",
    "adopt.after",
)
"""All points; a test goes through each of them."""

_name, _, _action = os.environ.get("KAIMON_FAILPOINT", "").partition("=")
_name, _, _pass = _name.partition("@")
_passes = int(_pass or 1)


def passing(point: str) -> None:
    """Act on the fault that is configured for ``point``, if there is one.

    Raises:
        OSError: the configured fault is an error.
    """
    if point == _name:
        _act()


def _act() -> None:
    global _passes  # noqa: PLW0603 - the one counter of this process
    _passes -= 1
    if _passes != 0:
        return
    if _action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif _action == "error":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    elif _action.startswith("delay:"):
        time.sleep(float(_action.removeprefix("delay:")))

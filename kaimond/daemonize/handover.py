"""Passes the lock and the listening socket from a daemon to its successor in the same process.

The successor is the same program executed anew, so the pid, the children and these two descriptors
remain. Clients that connect in between wait in the socket's backlog.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that a daemon handles; they are blocked from one daemon to the next."""

_VARIABLE: Final = "KAIMON_HANDOVER"


@dataclass(frozen=True)
class Successor:
    """What the next daemon in this process gets.

    Attributes:
        listener: the listening socket.
        end: returns whether it is to end at once, in order; that may be asked during the handover.
    """

    listener: socket.socket
    end: Callable[[], bool]


def execute(lock: int, successor: Successor, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by a new kaimond that has the lock and the socket.

    It gets our environment, so it knows its service manager as well.

    Args:
        lock: the lock's descriptor.
        successor: what else it gets.
        arguments: its command-line arguments.
    """
    # A blocked signal stays pending across the exec: the successor takes it once it listens.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if successor.end():
        # To this thread, which survives the exec; any other may still take signals, and ends here.
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    listener = successor.listener
    for descriptor in (lock, listener.fileno()):
        os.set_inheritable(descriptor, True)
    os.environ[_VARIABLE] = f"{os.getpid()},{lock},{listener.fileno()}"
    sys.stderr.flush()
    # -P: a module in the working directory must not replace one of ours.
    command = [sys.executable, "-P", "-m", "kaimond.daemon", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - on purpose


def take() -> tuple[int, socket.socket] | None:
    """Return the lock's descriptor and the socket if this process has inherited them."""
    given = os.environ.pop(_VARIABLE, "")
    if not given:
        return None
    pid, lock, listener = (int(number) for number in given.split(","))
    if pid != os.getpid():
        # This is a child of the successor: the numbers mean nothing here.
        return None
    os.set_inheritable(lock, False)
    os.set_inheritable(listener, False)
    inherited = socket.socket(fileno=listener)
    inherited.setblocking(False)
    return lock, inherited

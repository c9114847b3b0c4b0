"""Controls a daemon of another version by signals, which every version understands."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, ending
from kaimond.ctl.client import SkewedDaemonError
from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    from kaimond.ctl.client import Client

_PAUSE: Final = 0.1


def reload(daemon: SkewedDaemonError, limit: float) -> Client:
    """Have the installed kaimond replace the running one; return a connection to it.

    Args:
        daemon: the running daemon.
        limit: seconds to wait at most.

    Raises:
        CtlError: the installed one has not taken over.
    """
    _send(daemon, signal.SIGHUP)
    until = time.monotonic() + limit
    while time.monotonic() < until:
        try:
            return client.connect()
        except SkewedDaemonError:
            # Still the old daemon, which first checks that the new one can start.
            pass
        except CtlError as error:
            if error.code not in (ExitCode.UNKNOWN, ExitCode.NOT_RUNNING):
                raise
        # The process, its lock and its socket stay, so only a hello reveals the current version.
        time.sleep(_PAUSE)
    raise CtlError(
        f"kaimond was asked to make way (by SIGHUP to process {daemon.pid}), and after {limit:.0f} "
        f"s no other version answers; kaimonctl log says why. What is true now: {daemon}",
        ExitCode.UNKNOWN,
    )


def stop(daemon: SkewedDaemonError, limit: float) -> None:
    """End the daemon in order, and wait until it is gone.

    Args:
        daemon: the running daemon.
        limit: seconds to wait at most.

    Raises:
        CtlError: the daemon is still there.
    """
    _send(daemon, signal.SIGTERM)
    ending.wait_for_end(daemon.pid, limit)


def _send(daemon: SkewedDaemonError, number: signal.Signals) -> None:
    if not daemon.pid:
        raise daemon
    try:
        os.kill(daemon.pid, number)
    except ProcessLookupError:
        # The process has just ended; the caller finds out what comes next.
        return
    except OSError as error:
        raise CtlError(f"{daemon} It could not be asked by a signal: {error.strerror}.") from None

"""What the service manager is told: ready, alive, reloading, ending.

This is systemd's sd_notify(3), in a few lines and without its library: a datagram of lines
``NAME=value`` to the socket that the environment names. Where nobody has given one, nothing is
told. The variables stay in the environment, so after an upgrade in place the successor, which has
the same pid, goes on to tell.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("kaimond.daemon")

SHARE: Final = 3.0
"""So many signs of life fit into the time after which the manager takes us for dead."""

_SEND_TIMEOUT: Final = 1.0
"""Seconds for a manager that is too busy to listen; it hears the next word."""


class Notifier:
    """The daemon's way to tell its service manager.

    Args:
        environ: where the manager has written how.
        pid: of this process; a sign of life is asked of one process only.

    Attributes:
        watchdog: seconds without a sign of life after which the manager ends us; 0 if it does not.
    """

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = address(environ)
        self.watchdog = watchdog(environ, pid) if self._address else 0.0

    def ready(self, status: str) -> None:
        """Clients are answered from now on, also after `reloading`."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """This program makes way for its successor in the same process."""
        # The time tells the manager which request for a reload this belongs to.
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=reloading")

    def stopping(self) -> None:
        """The daemon ends, however it was asked to."""
        self._tell("STOPPING=1\nSTATUS=ending")

    async def keep_alive(self) -> None:
        """Give signs of life for ever.

        They come from the event loop on purpose: when it hangs, nobody is served.
        """
        while self.watchdog:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / SHARE)

    def _tell(self, words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(_SEND_TIMEOUT)
                sock.connect(self._address)
                sock.send(words.encode())
        except OSError as error:
            _log.warning("the service manager did not hear %s: %s", words.split("\n", 1)[0], error)


def address(environ: Mapping[str, str]) -> str:
    """The manager's socket, as `socket.connect` wants it; empty if there is none for us."""
    given = environ.get("NOTIFY_SOCKET", "")
    if given.startswith("@"):
        # A name in Linux's abstract namespace, which begins with a NUL in truth.
        return "\0" + given[1:]
    return given if given.startswith("/") else ""


def watchdog(environ: Mapping[str, str], pid: int) -> float:
    """Seconds in which a sign of life is due; 0 if none is asked of the process ``pid``."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid) or not microseconds.isdecimal():
        return 0.0
    return int(microseconds) / 1e6

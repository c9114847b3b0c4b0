"""Messages to the service manager: ready, alive, reloading, ending.

This is systemd's sd_notify(3), in a few lines and without its library: a datagram of lines
``NAME=value`` to the socket that the environment names. If it names none, nothing is sent. The
variables stay in the environment, so after an upgrade in place the successor, which has the same
pid, goes on sending.
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
"""How many keep-alives are sent within the time after which the manager takes us for dead."""

_SEND_TIMEOUT: Final = 1.0
"""Seconds to wait for a manager that is too busy to read; it gets the next message."""


class Notifier:
    """The daemon's channel to its service manager.

    Args:
        environ: the environment, in which the manager says what it wants.
        pid: this process's id; keep-alives are asked of one process only.

    Attributes:
        watchdog: seconds without a keep-alive after which the manager ends us; 0 if it does not.
    """

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = address(environ)
        self.watchdog = watchdog(environ, pid) if self._address else 0.0

    def ready(self, status: str) -> None:
        """Report that clients are answered from now on, also after `reloading`."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Report that this program makes way for its successor in the same process."""
        # The time tells the manager to which reload request this belongs.
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=reloading")

    def stopping(self) -> None:
        """Report that the daemon ends, for whatever reason."""
        self._tell("STOPPING=1\nSTATUS=ending")

    async def keep_alive(self) -> None:
        """Send keep-alives for ever.

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
    """Return the manager's socket as `socket.connect` wants it; empty if there is none for us."""
    given = environ.get("NOTIFY_SOCKET", "")
    if given.startswith("@"):
        # A name in Linux's abstract namespace, which really begins with a NUL.
        return "\0" + given[1:]
    return given if given.startswith("/") else ""


def watchdog(environ: Mapping[str, str], pid: int) -> float:
    """Return the seconds within which a keep-alive is due; 0 if ``pid`` need not send any."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid) or not microseconds.isdecimal():
        return 0.0
    return int(microseconds) / 1e6

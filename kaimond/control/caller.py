"""The caller of a command that keeps exchanging messages after its answer.

Such a command sends its caller notifications, and receives notifications from it, until either
side ends that. Notifications get no answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kaimond import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kaimond.connections.connection import Connection

_log = logging.getLogger("kaimond.control")


class Caller:
    """The client of one connection.

    Args:
        connection: the connection to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listeners: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        self._when_gone: list[Callable[[], None]] = []

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send the client a notification; wait until it has taken most of it.

        Raises:
            ConnectionError: the client is gone.
        """
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        await self._connection.send(wire.encode(message))

    def listen(self, method: str, listener: Callable[[Mapping[str, Any]], None]) -> None:
        """Pass the client's notifications of a name, in order, to the listener set last."""
        self._listeners[method] = listener

    def when_gone(self, action: Callable[[], None]) -> None:
        """Call ``action`` when the connection has ended."""
        self._when_gone.append(action)

    def took(self, line: bytes) -> bool:
        """Pass a line to its listener if it is a notification with one; return whether it is."""
        if not self._listeners:
            return False
        try:
            message = wire.decode(line)
        except wire.WireError:
            return False
        listener = self._listeners.get(str(message.get("method")))
        if listener is None or "id" in message:
            return False
        params = message.get("params")
        try:
            listener(params if isinstance(params, dict) else {})
        except Exception:  # noqa: BLE001 - one bad notification must not end the connection
            _log.exception("a notification of process %d failed", self._connection.pid)
        return True

    def gone(self) -> None:
        """Run what was registered for the end of the connection."""
        for action in self._when_gone:
            action()
        self._when_gone.clear()
        self._listeners.clear()

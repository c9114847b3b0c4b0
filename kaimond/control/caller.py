"""Who asks on a connection: for commands that go on talking after their answer.

Such a command tells its caller more by notifications, and hears more from it the same way, until
either side ends that. Nothing that is said so gets an answer.
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
        connection: to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listeners: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        self._when_gone: list[Callable[[], None]] = []

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell the client something; wait until it has taken most of it.

        Raises:
            ConnectionError: it is gone.
        """
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        await self._connection.send(wire.encode(message))

    def listen(self, method: str, listener: Callable[[Mapping[str, Any]], None]) -> None:
        """Have the client's notifications of a name heard, in order, by the newest listener."""
        self._listeners[method] = listener

    def when_gone(self, action: Callable[[], None]) -> None:
        """Do something when the connection has ended."""
        self._when_gone.append(action)

    def took(self, line: bytes) -> bool:
        """Hear a line if it is a notification that somebody listens for; tell whether it was."""
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
        """The connection has ended."""
        for action in self._when_gone:
            action()
        self._when_gone.clear()
        self._listeners.clear()

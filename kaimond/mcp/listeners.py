"""Tells clients that the list of tools has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from mcp.server.subscriptions import ToolsListChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mcp.server.session import ServerSession
    from mcp.server.subscriptions import SubscriptionBus

_log = logging.getLogger("kaimond.mcp")

_TIMEOUT: Final = 10.0
"""Seconds that a client gets to take a notification; one that does not read misses it."""


class Listeners:
    """The clients that have asked for the list.

    A client of the newest protocol has subscribed and is reached through the bus; each of the
    others has one channel for everything, which the SDK uses for them alone.

    Args:
        bus: the bus of subscriptions.
        background: runs a coroutine in the background.
    """

    def __init__(
        self, bus: SubscriptionBus, background: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._bus = bus
        self._background = background
        self._sessions: dict[int, ServerSession] = {}
        self._due = False

    def listed(self, client: int, session: ServerSession) -> None:
        """Note that a client has been given the list."""
        self._sessions[client] = session

    def gone(self, client: int) -> None:
        """Forget a client that has gone away."""
        self._sessions.pop(client, None)

    def changed(self) -> None:
        """Tell clients that the list has changed, once for several changes in a row."""
        if not self._due:
            self._due = True
            self._background(self._tell())

    async def _tell(self) -> None:
        self._due = False
        _log.debug("the list of tools has changed")
        await self._bus.publish(ToolsListChanged())
        await asyncio.gather(*map(_tell_one, list(self._sessions.values())))


async def _tell_one(session: ServerSession) -> None:
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_TIMEOUT):
            await session.send_tool_list_changed()

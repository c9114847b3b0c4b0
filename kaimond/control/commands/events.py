"""events: a stream of what happens in the daemon. Not a command of kaimonctl.

After the answer the daemon sends a notification ``events.happened`` for each event of
`kaimond.events`, in order. A client that reads too slowly gets ``events.missed`` with the number of
events that it missed, once it reads again. Closing the connection ends the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from kaimond import events
from kaimond.control.command import Params, StreamCommand

if TYPE_CHECKING:
    from kaimond.control.caller import Caller
    from kaimond.core import Core

MOST: Final = 1000
"""Most events that wait for one client."""


class Feed:
    """The events that wait for one client.

    Args:
        caller: the client.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._waiting: deque[events.Event] = deque()
        self._missed = 0
        self._more = asyncio.Event()

    def put(self, event: events.Event) -> None:
        """Queue an event for the client, or count it as missed."""
        if len(self._waiting) < MOST:
            self._waiting.append(event)
        else:
            self._missed += 1
        self._more.set()

    async def run(self) -> None:
        """Send the client its events until it is gone."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._more.wait()
                self._more.clear()
                while self._waiting:
                    event = self._waiting.popleft()
                    await self._caller.notify("events.happened", event.to_json())
                if self._missed:
                    missed, self._missed = self._missed, 0
                    await self._caller.notify("events.missed", {"missed": missed})


async def run(core: Core, _params: Params, caller: Caller) -> dict[str, Any]:
    """Subscribe the caller to every kind of event."""
    feed = Feed(caller)
    ends = [core.bus.subscribe(kind, feed.put) for kind in events.ALL]
    task = asyncio.create_task(feed.run(), name="events")

    def gone() -> None:
        for end in ends:
            end()
        task.cancel()

    caller.when_gone(gone)
    return {"events": [kind.name for kind in events.ALL]}


COMMAND: Final = StreamCommand("events", Params, run)

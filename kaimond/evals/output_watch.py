"""Tells subscribers when the output of a running eval has grown.

Julia, its C libraries and its child processes write directly to files, which are looked at for as
long as somebody subscribes to `EvalPrinted` and an eval runs, and not otherwise. A notification of
the file system would come with every write, so a flood would cost much; and macOS sends none while
a file stays open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kaimond.evals.spool import Spool
from kaimond.events import EvalBegan, EvalPrinted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from kaimond.evals.history import History
    from kaimond.events import Bus

LOOK_EVERY: Final = 0.1
"""Seconds between two looks; a person hardly notices the delay."""


class OutputWatch:
    """Publishes `EvalPrinted`.

    Args:
        directory: contains a directory of output files for each session.
        history: all evals.
        bus: the event bus.
        background: runs a coroutine in the background.
    """

    def __init__(
        self,
        directory: Path,
        history: History,
        bus: Bus,
        background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._directory = directory
        self._history = history
        self._bus = bus
        self._background = background
        self._sizes: dict[str, int] = {}
        self._watching = False
        bus.subscribe(EvalBegan, lambda _: self._begin())
        bus.when_wanted(EvalPrinted, self._begin)

    def _begin(self) -> None:
        if self._bus.wanted(EvalPrinted) and not self._watching:
            self._watching = True
            self._background(self._watch())

    async def _watch(self) -> None:
        try:
            while True:
                if not (self._bus.wanted(EvalPrinted) and self._look()):
                    return
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self._watching = False

    def _look(self) -> bool:
        """Look at all running evals once; return whether there are any."""
        running = [item for item in self._history.all_open() if item.began]
        self._sizes = {item.id: self._sizes.get(item.id, 0) for item in running}
        for item in running:
            size = Spool(self._directory / item.session).size(item.id)
            if size > self._sizes[item.id]:
                self._sizes[item.id] = size
                self._bus.publish(EvalPrinted(item.session, item.id, size))
        return bool(running)

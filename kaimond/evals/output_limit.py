"""Keeps the output of evals from filling the disk.

Julia, its C libraries and its child processes write directly to files, so the only way to measure
output is to check the files. That is done once a second while an eval runs, and not otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from kaimond.evals.spool import Spool, survey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from kaimond.config.settings import EvalSettings
    from kaimond.evals.eval import Eval
    from kaimond.evals.history import History
    from kaimond.evals.spool import File

_log = logging.getLogger("kaimond.evals")

LOOK_EVERY: Final = 1.0
"""Seconds between two checks while an eval runs."""


class OutputLimit:
    """Interrupts evals that print too much, and truncates their files if they keep growing.

    Args:
        directory: contains a directory of output files for each session.
        settings: the limits.
        history: all evals.
        interrupt: interrupts an eval, given a reason as a clause that begins with "it".
        background: runs a coroutine in the background.
    """

    def __init__(
        self,
        directory: Path,
        settings: EvalSettings,
        history: History,
        interrupt: Callable[[Eval, str], Awaitable[object]],
        background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._history = history
        self._interrupt = interrupt
        self._background = background
        self._most: dict[str, int] = {}
        self._looking = False

    def begun(self) -> None:
        """Start checking periodically until no eval runs."""
        if not self._looking:
            self._looking = True
            self._background(self._watch())

    async def _watch(self) -> None:
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY)
                if not await self.look():
                    return
        finally:
            self._looking = False

    async def look(self) -> bool:
        """Check all output once; return whether an eval runs."""
        # Freeing a gigabyte can take the file system a moment.
        files = await asyncio.to_thread(self._looked_at)
        there = {file.eval_id for file in files}
        self._most = {eval_id: most for eval_id, most in self._most.items() if eval_id in there}
        most = self._settings.max_output_bytes
        for file in files:
            if file.size > most:
                self._stop(file, f"it had printed more than {most} bytes (eval.max_output_bytes)")
        await self._make_room(files)
        return bool(self._running())

    def _running(self) -> dict[str, Eval]:
        return {item.id: item for item in self._history.all_open() if item.began}

    def _looked_at(self) -> list[File]:
        """Return all files, largest first, after truncating those that grew after being stopped."""
        files = []
        for file in survey(self._directory):
            most = self._most.get(file.eval_id, file.size)
            if file.size > most:
                _truncate(file.path, most)
            files.append(file._replace(size=min(file.size, most)))
        return sorted(files, key=lambda file: file.size, reverse=True)

    def _stop(self, file: File, why: str) -> None:
        """Interrupt an eval and freeze its file's size, as children may go on writing to it."""
        if file.eval_id in self._most:
            return
        self._most[file.eval_id] = file.size
        item = self._running().get(file.eval_id)
        if item:
            _log.warning("interrupting eval %s: %s", item.id, why, extra={"session": item.session})
            self._background(self._interrupted(item, why))

    async def _interrupted(self, item: Eval, why: str) -> None:
        await self._interrupt(item, why)

    async def _make_room(self, files: list[File]) -> None:
        """Keep the total output below its limit, removing that of ended evals first."""
        most = self._settings.max_total_output_bytes
        total = sum(file.size for file in files)
        running = self._running()
        for file in files:
            if total > most and file.eval_id not in running:
                self._history.keep_output(Spool(self._directory / file.session))
                self._most[file.eval_id] = 0
                await asyncio.to_thread(_truncate, file.path, 0)
                total -= file.size
        why = f"it had printed the most of all evals, whose output was more than {most} bytes"
        for file in files:
            if total > most and file.eval_id in running:
                self._stop(file, f"{why} (eval.max_total_output_bytes)")
                # Its output can be removed once it has ended.
                total -= file.size


def _truncate(path: Path, size: int) -> None:
    # The files of a session are removed when it ends.
    with contextlib.suppress(OSError):
        os.truncate(path, size)

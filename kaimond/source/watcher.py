"""Watches directories for all sessions, with one watcher that restarts when their set changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final

import anyio
import watchfiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger("kaimond.source")

STEP: Final = 100
"""Milliseconds between two polls by watchfiles of the kernel's events."""

GATHER: Final = 400
"""Maximum milliseconds for which consecutive changes are collected."""

_WAIT: Final = 600_000
"""Milliseconds after which watchfiles' thread returns without a change."""


class Watch:
    """Reports changes in directories, but not in their subdirectories.

    Args:
        on_change: called with the changed paths; an empty set means anything may have changed.
    """

    def __init__(self, on_change: Callable[[frozenset[str]], None]) -> None:
        self._on_change = on_change
        self._wanted: frozenset[str] = frozenset()
        self._watched: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self.blind = False
        """Whether the system refuses to watch, so that files may change unnoticed."""

    def set(self, directories: Iterable[str]) -> None:
        """Watch these directories; for a missing one, watch its nearest existing ancestor."""
        self._wanted = frozenset(directories)
        self._look_again()

    def _look_again(self) -> None:
        if _nearest(self._wanted) != self._watched:
            self._restart()

    def _restart(self) -> None:
        if self._task:
            self._task.cancel()
        self._watched = _nearest(self._wanted)
        self.blind = False
        self._task = asyncio.create_task(self._run(self._watched)) if self._watched else None

    async def _run(self, directories: frozenset[str]) -> None:
        named = _named(directories)
        # anyio loads its event loop at first use, which takes 0.2 s and must not block ours.
        await asyncio.to_thread(anyio.run, anyio.sleep, 0)
        stop = asyncio.Event()
        changes = watchfiles.awatch(
            *directories,
            watch_filter=None,
            debounce=GATHER,
            step=STEP,
            rust_timeout=_WAIT,
            recursive=False,
            stop_event=stop,
        )
        try:
            coming = asyncio.ensure_future(anext(changes))
            # The first step registers with the kernel; earlier changes were not reported.
            await asyncio.sleep(0)
            self._on_change(frozenset())
            # Nor was a directory reported that was created before that.
            asyncio.get_running_loop().call_soon(self._look_again)
            while True:
                told = frozenset(_as_asked(path, named) for _, path in await coming)
                coming = asyncio.ensure_future(anext(changes))
                self._on_change(told)
                if not directories.isdisjoint(told):
                    # To the kernel, a replaced directory is a different one.
                    asyncio.get_running_loop().call_soon(self._renew, directories)
                elif directories != self._wanted:
                    # A missing directory may have been created.
                    asyncio.get_running_loop().call_soon(self._look_again)
        except (OSError, RuntimeError) as error:
            _log.warning("files cannot be watched, so they are looked at: %s", error)
            self.blind = True
            self._on_change(frozenset())
        finally:
            stop.set()
            coming.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await coming
            await changes.aclose()

    def _renew(self, directories: frozenset[str]) -> None:
        if self._watched == directories:
            self._restart()

    async def close(self) -> None:
        """Stop watching."""
        task, self._task = self._task, None
        self._watched = self._wanted = frozenset()
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _nearest(directories: Iterable[str]) -> frozenset[str]:
    """Return the directories, with each missing one replaced by its nearest existing ancestor."""
    found = set()
    for each in directories:
        directory, above = each, os.path.dirname(each)  # noqa: PTH120
        while not os.path.isdir(directory) and directory != above:  # noqa: PTH112
            directory, above = above, os.path.dirname(above)  # noqa: PTH120
        if os.path.isdir(directory):  # noqa: PTH112
            found.add(directory)
    return frozenset(found)


def _named(directories: Iterable[str]) -> dict[str, str]:
    """Return the directories by real path, which macOS uses in its reports."""
    return {os.path.realpath(directory): directory for directory in directories}


def _as_asked(path: str, named: Mapping[str, str]) -> str:
    if path in named:
        return named[path]
    directory, name = os.path.split(path)
    return os.path.join(named.get(directory, directory), name)  # noqa: PTH118

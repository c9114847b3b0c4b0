"""Watches directories for all sessions: one watcher, started anew when what it watches changes."""

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
"""Milliseconds between two looks of watchfiles at what the kernel has told it."""

GATHER: Final = 400
"""Milliseconds that changes that follow each other are gathered at most."""

_WAIT: Final = 600_000
"""Milliseconds after which watchfiles' thread comes back without a change."""


class Watch:
    """Tells what changes in directories, not below them.

    Args:
        on_change: called with the paths that changed; with none when anything may have.
    """

    def __init__(self, on_change: Callable[[frozenset[str]], None]) -> None:
        self._on_change = on_change
        self._wanted: frozenset[str] = frozenset()
        self._watched: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self.blind = False
        """Whether the system refuses to watch, so that any file may change without a word."""

    def set(self, directories: Iterable[str]) -> None:
        """Watch these directories, and for one that does not exist the place where it would be."""
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
        # anyio loads its event loop at its first use, which takes 0.2 s that nobody is to wait for.
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
            # Its first step asks the kernel. What changed before that nobody has told us.
            await asyncio.sleep(0)
            self._on_change(frozenset())
            # Nor of a directory that has come into being before that.
            asyncio.get_running_loop().call_soon(self._look_again)
            while True:
                told = frozenset(_as_asked(path, named) for _, path in await coming)
                coming = asyncio.ensure_future(anext(changes))
                self._on_change(told)
                if not directories.isdisjoint(told):
                    # A directory that was replaced is another one for the kernel.
                    asyncio.get_running_loop().call_soon(self._renew, directories)
                elif directories != self._wanted:
                    # One that did not exist may have come into being.
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
        """Watch nothing any more."""
        task, self._task = self._task, None
        self._watched = self._wanted = frozenset()
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _nearest(directories: Iterable[str]) -> frozenset[str]:
    """The directories, each that does not exist replaced by the nearest one above it that does."""
    found = set()
    for each in directories:
        directory, above = each, os.path.dirname(each)  # noqa: PTH120
        while not os.path.isdir(directory) and directory != above:  # noqa: PTH112
            directory, above = above, os.path.dirname(above)  # noqa: PTH120
        if os.path.isdir(directory):  # noqa: PTH112
            found.add(directory)
    return frozenset(found)


def _named(directories: Iterable[str]) -> dict[str, str]:
    """The directories by their real paths, which macOS tells of files by."""
    return {os.path.realpath(directory): directory for directory in directories}


def _as_asked(path: str, named: Mapping[str, str]) -> str:
    if path in named:
        return named[path]
    directory, name = os.path.split(path)
    return os.path.join(named.get(directory, directory), name)  # noqa: PTH118

"""Services that all sessions of a daemon share."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kaimond.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import zmq.asyncio

    from kaimond.config.current_projects import CurrentProjects
    from kaimond.config.settings import SessionSettings
    from kaimond.evals.history import History
    from kaimond.events import Bus
    from kaimond.paths import Paths
    from kaimond.registry.registry import Registry
    from kaimond.source.source_check import SourceCheck
    from kaimond.toolchain.gate_cache import GateCaches
    from kaimond.toolchain.start_plan import Planner

_log = logging.getLogger("kaimond.sessions")

_T = TypeVar("_T")


class BackgroundTasks:
    """Background tasks of the daemon; failures are logged."""

    def __init__(self) -> None:
        self._chores: set[asyncio.Task[Any]] = set()
        self._watches: set[asyncio.Task[Any]] = set()

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that must finish before the daemon ends."""
        self._start(work, self._chores)

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that the next daemon will do if this one ends."""
        self._start(work, self._watches)

    async def to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work that, like a `watch`, continues even if its caller is cancelled."""
        return await asyncio.shield(self._start(work, self._watches))

    @staticmethod
    def _start(work: Coroutine[Any, Any, _T], tasks: set[asyncio.Task[Any]]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(log_failure)
        return task

    async def close(self) -> None:
        """Cancel the watches, and wait for the chores."""
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._chores, *self._watches, return_exceptions=True)


def log_failure(task: asyncio.Task[Any]) -> None:
    """Log a task's failure, unless its error is reported to somebody anyway."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, SessionError):
        _log.error("%s failed", task.get_name(), exc_info=error)


@dataclass(frozen=True)
class Services:
    """The services a session uses.

    Attributes:
        paths: the daemon's paths.
        settings: the session settings.
        registry: the records of all sessions.
        history: all evals.
        source: compares sessions' source with the disk.
        projects: the allowed projects and their preferences, as they are now.
        planner: decides what Julia is started with.
        caches: the precompiled gates.
        bus: the event bus.
        tasks: the background tasks.
        context: the libzmq context.
    """

    paths: Paths
    settings: SessionSettings
    registry: Registry
    history: History
    source: SourceCheck
    projects: CurrentProjects
    planner: Planner
    caches: GateCaches
    bus: Bus
    tasks: BackgroundTasks
    context: zmq.asyncio.Context

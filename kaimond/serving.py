"""Puts the daemon's parts together and runs them until the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.control.listener import bind
from kaimond.control.server import ControlServer
from kaimond.core import Core
from kaimond.registry.registry import Registry
from kaimond.registry.store import Store
from kaimond.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.config.settings import Loaded
    from kaimond.control.listener import DaemonLock
    from kaimond.paths import Paths

_log = logging.getLogger("kaimond.daemon")

TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of housekeeping."""

KEEP_CALLS: Final = 24 * 3600.0
"""Seconds that a request may be sent again after a break; far longer than any client waits."""


def serve(where: Paths, loaded: Loaded, lock: DaemonLock, ready: Callable[[], None]) -> None:
    """Run the daemon until a signal or a client asks it to end.

    Args:
        where: paths.
        loaded: settings.
        lock: held by the caller.
        ready: called when clients are answered.

    Raises:
        kaimond.registry.store.StoreError: the database cannot be used.
    """
    asyncio.run(_serve(where, loaded, lock, ready))


async def _serve(where: Paths, loaded: Loaded, lock: DaemonLock, ready: Callable[[], None]) -> None:
    _log.info("kaimond %s starts (pid %d)", __version__, os.getpid())
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    with contextlib.closing(Store(where.database)) as store:
        supervisor = Supervisor(where, loaded.settings, Registry(store), store, os.environ)
        core = Core(
            paths=where,
            settings=loaded.settings,
            store=store,
            supervisor=supervisor,
            stopping=asyncio.Event(),
            problems=tuple(loaded.warnings),
        )
        _end_on_signals(core)
        supervisor.adopt_all()
        server = ControlServer(core)
        await server.start(bind(where.control_socket))
        lock.announce()
        ready()
        _log.info("ready on %s", where.control_socket)
        tidying = asyncio.create_task(_tidy(core))
        try:
            await core.stopping.wait()
        finally:
            tidying.cancel()
            await _end(core, server)


def _end_on_signals(core: Core) -> None:
    def asked(number: signal.Signals) -> None:
        _log.info("%s: ending", number.name)
        core.stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, asked, number)


async def _tidy(core: Core) -> None:
    while True:
        await asyncio.sleep(TIDY_EVERY)
        core.supervisor.sessions.tidy()
        core.store.forget_calls(time.time() - KEEP_CALLS)


async def _end(core: Core, server: ControlServer) -> None:
    """Sessions first, so that whoever waits for one still gets its answer; then the clients."""
    if core.settings.daemon.on_stop == "end":
        await core.supervisor.stop_all("kaimond ended")
    core.paths.control_socket.unlink(missing_ok=True)
    await server.close()
    await core.supervisor.close()
    _log.info("kaimond has ended")

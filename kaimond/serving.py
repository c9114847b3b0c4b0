"""Assembles the daemon's parts and runs them until the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.control.listener import listen, retire
from kaimond.control.server import ControlServer
from kaimond.core import Core
from kaimond.daemonize import upgrade
from kaimond.daemonize.handover import SIGNALS, Successor
from kaimond.daemonize.notify import Notifier
from kaimond.errors import SessionError
from kaimond.events import Bus
from kaimond.registry.registry import Registry
from kaimond.store.database import Store
from kaimond.store.ownership import owned
from kaimond.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.config.settings import Loaded
    from kaimond.control.listener import DaemonLock
    from kaimond.paths import Paths

_log = logging.getLogger("kaimond.daemon")

TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of housekeeping."""

ANSWER_TIMEOUT: Final = 1.0
"""Seconds allowed for writing the last answers when the daemon ends."""

KEEP_CALLS: Final = 24 * 3600.0
"""Seconds during which a request may be sent again; far longer than any client waits."""


def serve(
    where: Paths, loaded: Loaded, lock: DaemonLock, ready: Callable[[], None]
) -> Successor | None:
    """Run the daemon until a signal or a client asks it to end.

    Args:
        where: the paths.
        loaded: the settings.
        lock: the daemon's lock, which the caller holds.
        ready: called once clients are answered.

    Returns:
        What the successor gets if the daemon is to execute itself anew, else None.

    Raises:
        kaimond.store.database.StoreError: the database cannot be used, or is another daemon's.
        kaimond.daemonize.activation.ActivationError: the service manager passed a wrong socket.
    """
    # Waiting for the database may take a moment and would block an event loop.
    with owned(where.database):
        return asyncio.run(_serve(where, loaded, lock, ready))


async def _serve(
    where: Paths, loaded: Loaded, lock: DaemonLock, ready: Callable[[], None]
) -> Successor | None:
    _log.info("kaimond %s starts (pid %d)", __version__, os.getpid())
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    notifier = Notifier(os.environ, os.getpid())
    living = asyncio.create_task(notifier.keep_alive(), name="signs of life")
    bus = Bus()
    with contextlib.closing(Store(where.database)) as store:
        supervisor = Supervisor(
            where, loaded.settings, Registry(store, bus), store, os.environ, bus
        )
        core = Core(
            paths=where,
            settings=loaded.settings,
            store=store,
            supervisor=supervisor,
            bus=bus,
            stopping=asyncio.Event(),
            problems=tuple(loaded.warnings),
        )
        _listen_to_signals(core)
        supervisor.tidy()
        server = ControlServer(core)
        try:
            supervisor.adopt_all()
            listener = listen(lock, where.control_socket)
            # asyncio closes the socket that it serves; ours lives as long as the process.
            await server.start(listener.dup())
        except BaseException:
            await supervisor.close()
            living.cancel()
            raise
        tidying = asyncio.create_task(_tidy(core))
        try:
            lock.announce()
            ready()
            notifier.ready(f"kaimond {__version__}")
            _log.info("ready on %s", where.control_socket)
            supervisor.tasks.watch(supervisor.precompile())
            await core.stopping.wait()
        finally:
            tell = notifier.reloading if core.reloading else notifier.stopping
            tell()
            tidying.cancel()
            await _end(core, server)
            living.cancel()
        if core.reloading:
            return Successor(listener, lambda: core.end_asked)
        listener.close()
        return None


def _listen_to_signals(core: Core) -> None:
    def end(number: signal.Signals) -> None:
        _log.info("%s: ending", number.name)
        core.end_asked = True
        core.stopping.set()

    def reload() -> None:
        _log.info("SIGHUP: executing kaimond anew")
        core.supervisor.tasks.watch(_reload(core))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _note_signals(core: Core) -> None:
    """Only record signals: until the successor starts, no event loop runs handlers."""

    def note(_number: int, _frame: object) -> None:
        core.end_asked = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, note)


async def _reload(core: Core) -> None:
    # A refusal is in the log, and there is nobody else to tell.
    with contextlib.suppress(SessionError):
        await upgrade.begin(core)


async def _tidy(core: Core) -> None:
    supervisor = core.supervisor
    chores: tuple[Callable[[], object], ...] = (
        supervisor.registry.tidy,
        supervisor.tidy,
        supervisor.idle.look,
        supervisor.history.tidy,
        lambda: core.store.forget_calls(time.time() - KEEP_CALLS),
    )
    while True:
        await asyncio.sleep(TIDY_EVERY)
        for chore in chores:
            # A chore that fails must not stop the others, which may free space.
            try:
                chore()
            except (OSError, sqlite3.Error) as error:
                # The disk may be full now and have room the next time.
                _log.warning("housekeeping failed: %s", error)
            except Exception:  # noqa: BLE001 - a mistake of ours must not end housekeeping for good
                _log.exception("housekeeping failed")


async def _end(core: Core, server: ControlServer) -> None:
    """End the sessions first, so that whoever waits for one gets an answer; then the clients."""
    if core.reloading:
        _note_signals(core)
    else:
        if core.settings.daemon.on_stop == "end":
            await core.supervisor.stop_all("kaimond ended")
        retire(core.paths)
        await server.answered(ANSWER_TIMEOUT)
    why = "kaimond is replaced by the installed one." if core.reloading else "kaimond ended."
    await core.supervisor.close_terminals(
        f"{why} The session goes on.", again=core.reloading, timeout=ANSWER_TIMEOUT
    )
    await server.close()
    await core.supervisor.close()
    _log.info("kaimond has ended%s", ", its successor takes over" if core.reloading else "")

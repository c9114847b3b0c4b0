"""The program ``kaimond``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
from typing import TYPE_CHECKING

from kaimond import __version__, paths
from kaimond.control.listener import AlreadyRunningError, DaemonLock
from kaimond.daemonize import handover
from kaimond.daemonize.detach import Readiness, detach
from kaimond.logs import setup as logs
from kaimond.runtime import (
    SocketPathTooLongError,
    UnsafeDirectoryError,
    ensure_owned,
    ensure_private,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger("kaimond.daemon")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until it is asked to end; return the exit code."""
    options = parser().parse_args(arguments)
    if options.check:
        return _check()
    # First, so that no file or socket of ours is open to others even for a moment.
    os.umask(0o077)
    logs.early()
    where = paths.resolve()
    try:
        # Before the imports, which take half a second: of many that start, all but one end here.
        lock = DaemonLock(where)
    except (AlreadyRunningError, UnsafeDirectoryError, SocketPathTooLongError) as error:
        sys.stderr.write(f"kaimond: {error}\n")
        return 1
    if options.alone:
        lock.release()
        return 0
    if "WATCHDOG_USEC" in os.environ:
        # A service manager aborts a daemon that hangs; the log then shows where it hung.
        faulthandler.enable()
    readiness = detach([lock.fd]) if options.detach else Readiness()
    successor = None
    try:
        foreground = not (options.detach or options.quiet)
        code, successor = _run(where, lock, readiness, foreground=foreground)
    except Exception as error:  # noqa: BLE001 - the last resort: words instead of a traceback
        _log.exception("kaimond failed")
        readiness.failed(f"{error} (the log is {where.server_log})")
        code = 1
    logs.close()
    if successor:
        handover.execute(lock.fd, successor, ["--quiet"] if options.quiet else [])
    lock.release()
    return code


def _run(
    where: paths.Paths, lock: DaemonLock, readiness: Readiness, *, foreground: bool
) -> tuple[int, handover.Successor | None]:
    from kaimond.config import settings  # noqa: PLC0415 - see main
    from kaimond.daemonize.activation import ActivationError  # noqa: PLC0415 - see main
    from kaimond.serving import serve  # noqa: PLC0415 - see main
    from kaimond.store.database import StoreError  # noqa: PLC0415 - see main

    try:
        for directory in where.private_directories():
            ensure_private(directory)
        ensure_owned(where.config)
        loaded = settings.load(where.settings_file, where.settings_overlay)
        logs.configure(where.server_log, loaded.settings.log, foreground=foreground)
        return 0, serve(where, loaded, lock, readiness.ready)
    except (UnsafeDirectoryError, settings.SettingsError, StoreError, ActivationError) as error:
        _log.error("%s", error)
        readiness.failed(str(error))
        return 2, None


def _check() -> int:
    """Check that this installation's code and settings can be loaded; return the exit code."""
    from kaimond import serving  # noqa: F401, PLC0415 - loading it is the check
    from kaimond.config import settings  # noqa: PLC0415 - see main

    where = paths.resolve()
    try:
        settings.load(where.settings_file, where.settings_overlay)
    except settings.SettingsError as error:
        sys.stderr.write(f"kaimond: {error}\n")
        return 2
    sys.stdout.write(f"{__version__}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the daemon's arguments, from which the manual is made as well."""
    made = argparse.ArgumentParser(
        prog="kaimond",
        description="The Kaimon daemon: owns the Julia sessions of AI coding agents. "
        "It runs in the foreground until it gets SIGTERM or SIGINT.",
        epilog="example: kaimond --detach && kaimonctl status",
    )
    made.add_argument(
        "--detach",
        action="store_true",
        help="go to the background; returns when the daemon answers, or says why it does not",
    )
    made.add_argument(
        "--check",
        action="store_true",
        help="only check that kaimond and its settings can be loaded, and print its version",
    )
    made.add_argument(
        "--alone",
        action="store_true",
        help="only check that no kaimond runs for this user; service managers ask before they "
        "take its socket's path",
    )
    made.add_argument(
        "--quiet",
        action="store_true",
        help="write the log to its file only, not to standard error as well",
    )
    made.add_argument("--version", action="version", version=f"kaimond {__version__}")
    return made


if __name__ == "__main__":
    sys.exit(main())

"""Takes the daemon's lock and makes the control socket.

The lock comes first. Binding a Unix socket silently takes the path from whoever has it, so only
the holder of the lock may touch the path. The lock file is never removed, because two daemons could
otherwise lock two files of the same name.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.daemonize import activation, handover
from kaimond.errors import KaimonError
from kaimond.runtime import UnsafeDirectoryError, check_socket_path, ensure_private

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.paths import Paths


_TRIES: Final = 10
_PAUSE: Final = 0.01
"""Seconds between two tries for the lock; a program that only looks holds it far more briefly."""


class AlreadyRunningError(KaimonError):
    """An error about a lock that another daemon holds; the message says which one."""


class DaemonLock:
    """The daemon's lock, held for the life of the process.

    Attributes:
        fd: the descriptor of the lock file.
        listener: the listening socket that came with the lock, after an upgrade in place.
    """

    def __init__(self, paths: Paths) -> None:
        """Take the lock.

        Raises:
            AlreadyRunningError: another daemon has it.
            kaimond.runtime.UnsafeDirectoryError: the runtime directory or the lock file in it
                cannot be used.
            kaimond.runtime.SocketPathTooLongError: the control socket's path is too long.
        """
        ensure_private(paths.runtime)
        check_socket_path(paths.control_socket)
        self._paths = paths
        self.listener: socket.socket | None = None
        inherited = handover.take()
        if inherited:
            # This process was the daemon before it executed itself anew, and still holds the lock.
            self.fd, self.listener = inherited
            return
        try:
            self.fd = os.open(paths.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnsafeDirectoryError(
                f"{paths.lock_file} cannot be opened: {error.strerror}. Nothing was started. "
                "Move it out of the way."
            ) from None
        try:
            _lock(self.fd)
        except BlockingIOError:
            os.close(self.fd)
            raise AlreadyRunningError(_who(paths)) from None
        except OSError as error:
            os.close(self.fd)
            raise UnsafeDirectoryError(
                f"{paths.lock_file} cannot be locked: {error.strerror}. Nothing was started. "
                "Set KAIMON_RUNTIME_DIR to a directory on a local disk."
            ) from None

    def announce(self) -> None:
        """Write the pid file, for messages and for ``kaimonctl``."""
        facts = {
            "pid": os.getpid(),
            "version": __version__,
            "started": time.time(),
            "socket": str(self._paths.control_socket),
            "log": str(self._paths.server_log),
        }
        temporary = self._paths.pid_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(self._paths.pid_file)

    def release(self) -> None:
        """Remove the pid file and release the lock."""
        self._paths.pid_file.unlink(missing_ok=True)
        os.close(self.fd)


def _lock(fd: int) -> None:
    """Take the lock, or raise `BlockingIOError`.

    A program that only looks for a daemon also holds it for a moment, so one try proves nothing.
    """
    for left in range(_TRIES, -1, -1):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            # flock waits for ever or not at all, and so far there are no clients to keep waiting.
            time.sleep(_PAUSE)
        else:
            return


def _who(paths: Paths) -> str:
    try:
        facts = json.loads(paths.pid_file.read_text(encoding="utf-8"))
        who = f"kaimond {facts['version']} with pid {facts['pid']} is"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another kaimond is starting or stopping, and"
    return (
        f"{who} already running for this user, on {paths.control_socket}. Nothing was started. "
        "`kaimonctl status` shows it, `kaimonctl stop` ends it."
    )


def listen(lock: DaemonLock, path: Path) -> socket.socket:
    """Return the listening socket: an inherited one, where clients may already wait, or a new one.

    Raises:
        kaimond.daemonize.activation.ActivationError: the service manager passed a wrong one.
    """
    if lock.listener is not None:
        return lock.listener
    return activation.take(os.environ, os.getpid(), path) or _bind(path)


def retire(paths: Paths) -> None:
    """Remove what clients find us by; called before the first client is disconnected.

    The service manager's socket keeps its path. An idle client that connected there would have the
    next daemon started when this one is gone; without the pid file, no client does.
    """
    paths.pid_file.unlink(missing_ok=True)
    if not activation.passed(os.environ, os.getpid()):
        paths.control_socket.unlink(missing_ok=True)


def _bind(path: Path) -> socket.socket:
    """Return a listening socket at ``path``, for its owner only. The caller holds the lock.

    The caller has set the umask so that the socket is never open to others, not even for a moment.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(128)
    listener.setblocking(False)
    return listener

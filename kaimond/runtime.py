"""The directory in which clients find the daemon, and the check that it is ours alone.

All programs compute it with this function. MCP clients start the shim with a stripped environment
(HOME, PATH and a few more), so ``XDG_RUNTIME_DIR`` is never read: one program would see it and
another would not.

The shim imports this module, and users wait while it starts, so this imports nothing but ``os``
and ``stat``, which every interpreter has already loaded.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SOCKET_PATH = 103
"""Longest path of a Unix socket in bytes: macOS allows 104 with the closing NUL, Linux 108."""

CONTROL_SOCKET = "kaimond.sock"
DAEMON_LOCK = "kaimond.lock"
PID_FILE = "kaimond.json"
START_LOCK = "start.lock"
START_LOG = "start.log"

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnsafeDirectoryError(Exception):
    """An error about a directory we cannot trust; the message names it, the reason and the cure."""


class SocketPathTooLongError(Exception):
    """An error about a socket path too long for the operating system's address structure."""


def runtime_directory(environ: Mapping[str, str] | None = None, uid: int | None = None) -> str:
    """Return the absolute path of the directory with the control socket.

    Args:
        environ: the environment to read; the process's own if not given.
        uid: the user's number; the process's own if not given.
    """
    env = os.environ if environ is None else environ
    user = os.getuid() if uid is None else uid
    override = env.get("KAIMON_RUNTIME_DIR", "")
    if override:
        return os.path.abspath(override)
    base = f"/run/user/{user}"
    try:
        found = os.lstat(base)
    except OSError:
        found = None
    if found and stat.S_ISDIR(found.st_mode) and found.st_uid == user:
        if not found.st_mode & _OTHERS:
            return f"{base}/kaimon"
    home = env.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, ".local", "state", "kaimon", "run")


def daemon_lock_held(directory: str) -> bool | None:
    """Return whether a daemon holds its lock: it listens, will listen soon, or is still ending.

    Returns:
        None if no daemon has ever run here.
    """
    import fcntl  # noqa: PLC0415 - no interpreter has loaded it already

    try:
        lock = os.open(os.path.join(directory, DAEMON_LOCK), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A shared lock, so that programs that only look do not see each other.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def nobody_answers(directory: str) -> bool:
    """Return whether a daemon has run here but none answers now: none runs, or it starts or ends.

    The socket alone proves nothing, because a service manager may listen there and start a daemon
    for whoever connects.
    """
    held = daemon_lock_held(directory)
    announced = os.path.exists(os.path.join(directory, PID_FILE))
    return held is False or (held is True and not announced)


def ensure_private(directory: str | os.PathLike[str]) -> None:
    """Create ``directory`` if it is missing and check that only its owner can enter it.

    The check looks at the directory itself, not at what a link points to, because whoever can
    replace our directory by a link decides where our sockets are.

    Raises:
        UnsafeDirectoryError: it cannot be created, is a link, is not a directory, is somebody
            else's, or is open to others.
    """
    path = os.fspath(directory)
    try:
        parent = os.path.dirname(path)
        if parent:
            os.makedirs(parent, mode=0o700, exist_ok=True)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        found = os.lstat(path)
    except OSError as error:
        raise UnsafeDirectoryError(
            f"{path} cannot be made: {error.strerror}. Nothing was started. "
            "Make it by hand, owned by you, with mode 700."
        ) from None
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeDirectoryError(
            f"{path} is a symbolic link, which others could redirect. Nothing was started. "
            "Replace it by a real directory."
        )
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeDirectoryError(
            f"{path} is not a directory. Nothing was started. Move it out of the way."
        )
    if found.st_uid != os.getuid():
        raise UnsafeDirectoryError(
            f"{path} belongs to user {found.st_uid}, not to you (user {os.getuid()}). "
            "Nothing was started. Remove it, or set KAIMON_RUNTIME_DIR to a directory of your own."
        )
    if found.st_mode & _OTHERS:
        raise UnsafeDirectoryError(
            f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):o}). "
            f"Nothing was started. Close it with: chmod 700 {path}"
        )


def ensure_owned(directory: str | os.PathLike[str]) -> None:
    """Create ``directory`` if it is missing and check that nobody else can write to it.

    This is for the configuration: it is no secret, and tools and people may have created it with
    any mode, but whoever can write to it decides what is run.

    Raises:
        UnsafeDirectoryError: it cannot be created, or others can change it.
    """
    path = os.fspath(directory)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.stat(path)
    except OSError as error:
        raise UnsafeDirectoryError(
            f"{path} cannot be made: {error.strerror}. Nothing was started. "
            "Make it by hand, owned by you."
        ) from None
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnsafeDirectoryError(
            f"{path} can be changed by other users (owner {found.st_uid}, mode "
            f"{stat.S_IMODE(found.st_mode):o}), and it decides which programs are started. "
            f"Nothing was started. Close it with: chmod 700 {path}"
        )


def check_socket_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that is too long for a socket.

    Raises:
        SocketPathTooLongError: it has more than `MAX_SOCKET_PATH` bytes.
    """
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH:
        raise SocketPathTooLongError(
            f"{os.fspath(path)} has {length} bytes; a socket's path may have {MAX_SOCKET_PATH}. "
            "Set KAIMON_RUNTIME_DIR (control socket) or XDG_CACHE_HOME (sessions) "
            "to a shorter directory."
        )

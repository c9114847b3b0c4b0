"""Reading and replacing configuration files without ever losing one.

A file is replaced by writing a neighbour, syncing it and renaming it over the old one, so a
crash at any moment leaves either the old content or the new. Writers of the same file exclude
each other with a lock file beside it; the lock file stays, because unlinking a lock that another
process is about to take would give two processes "the" lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST: Final = 16 * 1024 * 1024
"""Bytes; no configuration file or manifest comes near it, and a mistaken path might exceed it."""


def read(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read, is no regular file, or is larger than `LARGEST`.
    """
    # Non-blocking, so that a FIFO left at this path cannot hang the caller before the check.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:  # noqa: PTH123 - a file descriptor has no Path
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST} bytes", str(path))
    return content


def make_private_directory(path: Path) -> None:
    """Make `path` and its missing parents, readable by the owner only.

    A directory that exists is left as it is: it may be a folder that the user shares on purpose.
    """
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        # Another process may make the same directory at the same time; a file in its place is
        # reported by whatever is done next with the path.
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the configuration file `path`, waiting for other writers.

    The lock is a file beside it; the directory must exist.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace(path: Path, content: bytes) -> None:
    """Replace the content of `path` in one step, with mode 0600; call it under `locked(path)`.

    The temporary name is always the same, so a crash leaves at most one such file behind and the
    next writer (alone, by the lock) takes its place.

    Raises:
        OSError: The old content is still there, unharmed.
    """
    draft = path.with_name(f".{path.name}.tmp")
    draft.unlink(missing_ok=True)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 - a file descriptor has no Path
            file.write(content)
            file.flush()
            os.fsync(fd)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power failure, where the filesystem can."""
    # Some network filesystems cannot; and the rename itself has happened, so the caller must not
    # hear that it failed.
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

"""Reading and replacing files that people and other programs edit too, without ever losing one.

A file is replaced by writing a neighbour, syncing it and renaming it over the old one, so a
crash at any moment leaves either the old content or the new. Our own writers exclude each other
with a lock file. It stays, because unlinking a lock that another process is about to take would
give two processes "the" lock. Programs that know nothing of it are noticed by what they wrote.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import EllipsisType

LARGEST: Final = 16 * 1024 * 1024
"""Bytes; no configuration file or manifest comes near it, and a mistaken path might exceed it."""


class ChangedError(KaimonError):
    """Another program has changed the file since it was read; what it wrote is there."""


def target(path: Path) -> Path:
    """Return the file itself behind all links, so that one into a folder of dotfiles stays one."""
    return Path(os.path.realpath(path))


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


def read_if_there(path: Path) -> bytes | None:
    """Return the content of a regular file; None if there is no file.

    Raises:
        OSError: As `read`.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None


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
    """Hold a lock, waiting for other writers.

    Args:
        path: The lock is a hidden file beside this one, which need not exist; a directory that is
            missing is made. For files in folders that are not ours, it is a name in one of ours.
    """
    make_private_directory(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace(
    path: Path,
    content: bytes,
    *,
    before: bytes | EllipsisType | None = ...,
    mode: int = 0o600,
    like: Path | None = None,
) -> None:
    """Replace the content of `path` in one step; call it under a lock.

    The temporary name is always the same, so a crash leaves at most one such file behind and the
    next writer (alone, by the lock) takes its place.

    Args:
        path: Of the file, which need not exist; no link, see `target`.
        content: What it is to hold.
        before: What it held when it was read, None for no file; if not given, that does not matter.
        mode: Of the file if there is none yet, without what the umask forbids.
        like: The file whose mode and owner it gets; its own by default.

    Raises:
        ChangedError: The content is not `before` any more.
        OSError: The old content is still there, unharmed.
    """
    draft = path.with_name(f".{path.name}.kaimon.tmp")
    draft.unlink(missing_ok=True)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(fd, "wb") as file:  # noqa: PTH123 - a file descriptor has no Path
            with contextlib.suppress(FileNotFoundError):
                _make_like(fd, like or path)
            file.write(content)
            file.flush()
            os.fsync(fd)
        unchanged = before is ... or read_if_there(path) == before
        if unchanged:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    if not unchanged:
        raise ChangedError
    _sync_directory(path.parent)


def _make_like(fd: int, path: Path) -> None:
    status = path.stat()
    # A group that we are not in cannot be given; then it is the user's own.
    with contextlib.suppress(OSError):
        os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))


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

"""Reading and replacing files that people and other programs edit too, without losing any edit.

A file is replaced by writing a temporary file beside it, syncing that and renaming it over the
old one, so a crash leaves either the old content or the new. Our own writers exclude each other
with a lock file, which is never removed: unlinking a lock that another process is about to take
would give two processes "the" lock. Other programs are noticed by the content they wrote.
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
"""Bytes; no configuration file or manifest comes near it, but a wrong path might exceed it."""


class ChangedError(KaimonError):
    """Another program changed the file since it was read; its content was kept."""


def target(path: Path) -> Path:
    """Return the file behind all links, so that a link into a dotfiles directory survives."""
    return Path(os.path.realpath(path))


def read(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read, is not a regular file, or is larger than `LARGEST`.
    """
    # Non-blocking, so that a FIFO at this path cannot block the open before the check.
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
    """Return the content of a regular file, or None if there is no file.

    Raises:
        OSError: As `read`.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None


def make_private_directory(path: Path) -> None:
    """Make `path` and its missing parents, readable by the owner only.

    An existing directory is left unchanged: the user may share it on purpose.
    """
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        # Another process may create the same directory at the same time; a file in its place is
        # reported by the next operation on the path.
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock, waiting for other writers to release it.

    Args:
        path: The lock is a hidden file beside this path, which need not exist; missing directories
            are created. For files in directories that are not ours, pass a name in one of ours.
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
    """Replace the content of `path` atomically; the caller must hold the lock.

    The temporary name is always the same, so crashes leave at most one such file, and the next
    writer (alone, because of the lock) overwrites it.

    Args:
        path: The file, which need not exist; not a link, see `target`.
        content: The new content.
        before: The content as it was read, None for no file; not checked if omitted.
        mode: The mode of a new file, before the umask is applied.
        like: The file whose mode and owner are copied; by default the replaced file itself.

    Raises:
        ChangedError: The content is no longer `before`.
        OSError: The replacement failed; the old content is unharmed.
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
    # We cannot assign a group that we are not in; the file then gets the user's own.
    with contextlib.suppress(OSError):
        os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))


def _sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power failure, where the filesystem supports that."""
    # Some network filesystems do not. The rename itself has succeeded, so the caller must not
    # get an error.
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

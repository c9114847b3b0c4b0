"""Ensures that the database belongs to one daemon at a time, wherever its socket is.

The control socket's lock alone does not ensure that: its directory may be removed at logout while
the daemon keeps running, and `KAIMON_RUNTIME_DIR` may point anywhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from kaimond.store.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TRIES: Final = 20
_PAUSE: Final = 0.05
"""Seconds between tries, as a daemon that is ending releases the database slightly later."""


@contextlib.contextmanager
def owned(database: Path) -> Iterator[None]:
    """Own the database exclusively; block for up to a second if another process owns it.

    Raises:
        StoreError: another kaimond owns it; the message says which one and what to do.
    """
    lock = database.with_suffix(".lock")
    try:
        file = _locked(lock, database)
    except OSError as error:
        raise StoreError(
            f"{lock} cannot be used: {error.strerror}. Nothing was started. "
            "Move it out of the way, or make room on the disk."
        ) from None
    try:
        yield
    finally:
        os.close(file)


def _locked(lock: Path, database: Path) -> int:
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(file, database)
        os.truncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _wait_for(file: int, database: Path) -> None:
    for left in range(_TRIES, -1, -1):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise StoreError(_taken(file, database)) from None
            # flock(2) waits forever or not at all. Blocking is fine, as there is no event loop yet.
            time.sleep(_PAUSE)
        else:
            return


def _taken(file: int, database: Path) -> str:
    pid = os.pread(file, 20, 0).decode(errors="replace").strip()
    who = f"the kaimond with pid {pid}" if pid.isdigit() else "another kaimond"
    cure = f"`kill -KILL {pid}`" if pid.isdigit() else "Ending that one with SIGKILL"
    return (
        f"{database} is in use by {who}, whose control socket is elsewhere, or was removed at a "
        f"logout. Nothing was started. {cure} frees it and loses nothing: its sessions go on, and "
        "the next kaimond takes them over."
    )

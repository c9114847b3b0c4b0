"""The size-limited log of one session's raw output."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from kaimond.evals.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaimond.events import EvalEnded
    from kaimond.paths import Paths

MAX_BYTES: Final = 5_000_000
"""Log size above which its content is moved aside; one older part is kept."""

MOST: Final = 2**18
"""Maximum bytes of a tail, however long the lines are."""

LOGGED: Final = 2**16
"""Bytes of an eval's output that are logged from each end."""

_BLOCK: Final = 64 * 2**10


def append(log: Path, data: bytes) -> None:
    """Append bytes; the session's Julia may write to the log at the same time."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def rotate(log: Path) -> None:
    """Move the content of a large log aside.

    It is copied and truncated, not renamed, because Julia keeps the file open. Julia writes with
    O_APPEND, so its next write lands at the new end.
    """
    with contextlib.suppress(FileNotFoundError):
        size = log.stat().st_size
        if size > MAX_BYTES:
            # Keep only the end of very large logs, so that this never takes long.
            with log.open("rb") as whole, log.with_suffix(".log.1").open("wb") as aside:
                whole.seek(max(0, size - 4 * MAX_BYTES))
                aside.write(whole.read(4 * MAX_BYTES))
            os.truncate(log, 0)


def tail(log: Path, lines: int, most: int = MOST) -> str:
    """Return the last ``lines`` lines within the last ``most`` bytes; invalid UTF-8 is U+FFFD."""
    data = b""
    try:
        with log.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            first = max(0, position - most)
            while position > first and data.count(b"\n") <= lines:
                step = min(_BLOCK, position - first)
                position -= step
                file.seek(position)
                data = file.read(step) + data
    except FileNotFoundError:
        return ""
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-lines:])


def add_output(where: Paths, ended: EvalEnded) -> None:
    """Copy an eval's output to the session's log.

    Args:
        where: the daemon's paths.
        ended: the event of the eval's end.
    """
    log = where.session_log(ended.session)
    rotate(log)
    if not ended.output:
        return
    spool = Spool(where.session_spool(ended.session))
    printed = spool.read(ended.eval, ended.output, LOGGED, LOGGED)
    gap = f"\n[... {printed.omitted} bytes ...]\n".encode() if printed.omitted else b""
    head = f"--- eval {ended.eval} of agent {ended.agent}\n".encode()
    body = printed.head + gap + printed.tail
    end = b"---\n" if body.endswith(b"\n") else b"\n---\n"
    append(log, head + body + end)


def forget(directory: Path, known: Callable[[str], object]) -> None:
    """Remove the logs of sessions that are no longer known.

    Args:
        directory: the directory of all session logs.
        known: whether a session with this key is still known.
    """
    for log in directory.glob("*.log*"):
        if not known(log.name.split(".")[0]):
            log.unlink(missing_ok=True)

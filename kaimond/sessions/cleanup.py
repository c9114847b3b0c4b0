"""Cleans up after ended sessions: files, output, unfinished evals, leftover processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.evals.spool import Spool
from kaimond.sessions import end

if TYPE_CHECKING:
    from collections.abc import Collection

    from kaimond.evals.history import History
    from kaimond.paths import Paths
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry


def forget_files(where: Paths, key: str) -> None:
    """Remove a session's socket and the files beside it."""
    for path in (where.session_socket(key), where.session_shield(key), where.announcement(key)):
        path.unlink(missing_ok=True)


def drop_output(history: History, spool: Spool) -> None:
    """Remove a session's spool, keeping the head and tail of each eval's output."""
    history.keep_output(spool)
    spool.remove()


def clear(where: Paths, history: History, key: str, reason: str) -> None:
    """Clean up everything that belongs to a session without a process.

    Args:
        where: the daemon's paths.
        history: all evals.
        key: the session's key.
        reason: a clause for whoever waits for its evals.
    """
    spool = Spool(where.session_spool(key))
    history.abandoned(key, spool, reason)
    forget_files(where, key)
    drop_output(history, spool)


async def clear_unknown(where: Paths, history: History, record: Record) -> None:
    """End leftover processes of a session whose own process is gone, and remove its files."""
    key = record.key
    await end.end_leftovers(key, record.pid)
    # A process that was still starting may have created its socket in the meantime.
    forget_files(where, key)
    drop_output(history, Spool(where.session_spool(key)))


def sweep(where: Paths, history: History, registry: Registry, evaluating: Collection[str]) -> None:
    """Finish, after adoption, the cleanup that the previous daemon did not complete.

    It may have recorded the end of a session and died before answering waiters and cleaning up.

    Args:
        where: the daemon's paths.
        history: all evals.
        registry: all sessions.
        evaluating: keys of the adopted sessions that continue with their evals.
    """
    for key in {item.session for item in history.all_open()} - set(evaluating):
        record = registry.get(key)
        if record and record.alive:
            reason = f"the session was {record.state} when the previous daemon ended"
            history.abandoned(key, Spool(where.session_spool(key)), reason)
        else:
            reason = record.ending.rstrip(".") if record else "the session is unknown"
            clear(where, history, key, reason)
    for path in (*where.sockets.glob("*.*"), *where.spool.glob("*")):
        if _has_ended(registry, path.stem):
            clear(where, history, path.stem, "the session has ended")


async def end_strays(registry: Registry) -> None:
    """End the processes that ended sessions have left running; call this after `sweep`."""

    def pid(key: str) -> int:
        record = registry.get(key)
        return record.pid if record else 0

    await end.end_strays(lambda key: _has_ended(registry, key), pid)


def _has_ended(registry: Registry, key: str) -> bool:
    record = registry.get(key)
    return record is not None and not record.alive

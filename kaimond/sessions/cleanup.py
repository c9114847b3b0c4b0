"""Clears away what ended sessions leave: files, output, evals without an end, processes."""

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
    """Remove a session's socket and what is beside it."""
    for path in (where.session_socket(key), where.session_shield(key), where.announcement(key)):
        path.unlink(missing_ok=True)


def drop_output(history: History, spool: Spool) -> None:
    """Remove a session's spool; of what its evals have printed, both ends are kept."""
    history.keep_output(spool)
    spool.remove()


def clear(where: Paths, history: History, key: str, reason: str) -> None:
    """Clear away all of a session that has no process.

    Args:
        where: things live.
        history: of evals.
        key: of the session.
        reason: a clause for whoever waits for its evals.
    """
    spool = Spool(where.session_spool(key))
    history.abandoned(key, spool, reason)
    forget_files(where, key)
    drop_output(history, spool)


async def clear_unknown(where: Paths, history: History, record: Record) -> None:
    """End what may be left of a session whose process is gone, and its files."""
    key = record.key
    await end.end_leftovers(key, record.pid)
    # A process that was still starting may have made its socket in the meantime.
    forget_files(where, key)
    drop_output(history, Spool(where.session_spool(key)))


def sweep(where: Paths, history: History, registry: Registry, evaluating: Collection[str]) -> None:
    """After the adoption: finish what the previous daemon had no time for.

    It may have written down an end and died before it told who waited and cleared away.

    Args:
        where: things live.
        history: of evals.
        registry: of sessions.
        evaluating: keys of the sessions that were taken up and go on with their evals.
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
    """After that: end the processes that ended sessions have left."""

    def pid(key: str) -> int:
        record = registry.get(key)
        return record.pid if record else 0

    await end.end_strays(lambda key: _has_ended(registry, key), pid)


def _has_ended(registry: Registry, key: str) -> bool:
    record = registry.get(key)
    return record is not None and not record.alive

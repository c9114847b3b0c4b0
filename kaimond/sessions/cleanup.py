"""Clears away what ended sessions leave: files, output, evals without an end, processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.evals.spool import Spool
from kaimond.sessions.end import end_leftovers, end_strays

if TYPE_CHECKING:
    from kaimond.evals.all_evals import EvalBook
    from kaimond.paths import Paths
    from kaimond.registry.registry import Registry


class Remains:
    """What is left of sessions.

    Args:
        paths: where things live.
        registry: of sessions.
        book: of evals.
    """

    def __init__(self, paths: Paths, registry: Registry, book: EvalBook) -> None:
        self._paths = paths
        self._registry = registry
        self._book = book

    def forget_files(self, key: str) -> None:
        """Remove a session's socket and what is beside it."""
        where = self._paths
        for path in (where.session_socket(key), where.session_shield(key), where.announcement(key)):
            path.unlink(missing_ok=True)

    def drop_output(self, key: str) -> None:
        """Remove a session's spool; of what its evals have printed, both ends are kept."""
        spool = Spool(self._paths.session_spool(key))
        self._book.keep_output(spool)
        spool.remove()

    def clear(self, key: str, reason: str) -> None:
        """Clear away all of a session that nobody holds, but for its processes.

        Args:
            key: of the session.
            reason: a clause for whoever waits for its evals.
        """
        self._book.abandoned(key, Spool(self._paths.session_spool(key)), reason)
        self.forget_files(key)
        self.drop_output(key)

    async def bury(self, key: str) -> None:
        """End what may be left of a session whose process nobody knows, and its files."""
        await end_leftovers(key, self._pid(key))
        # A process that was still starting may have made its socket in the meantime.
        self.forget_files(key)
        self.drop_output(key)

    def sweep(self) -> None:
        """After the adoption: finish what the previous daemon had no time for.

        It may have written down an end and died before it told who waited and cleared away.
        """
        for key in self._book.stranded():
            record = self._registry.get(key)
            if record and record.alive:
                reason = f"the session was {record.state} when the previous daemon ended"
                self._book.abandoned(key, Spool(self._paths.session_spool(key)), reason)
            else:
                self.clear(key, record.ending.rstrip(".") if record else "the session is unknown")
        for path in (*self._paths.sockets.glob("*.*"), *self._paths.spool.glob("*")):
            if self._ended(path.stem):
                self.clear(path.stem, "the session has ended")

    async def end_strays(self) -> None:
        """After that: end the processes that ended sessions have left."""
        await end_strays(self._ended, self._pid)

    def _pid(self, key: str) -> int:
        record = self._registry.get(key)
        return record.pid if record else 0

    def _ended(self, key: str) -> bool:
        record = self._registry.get(key)
        return record is not None and not record.alive

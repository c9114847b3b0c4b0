"""The part of the living sessions that keeps their source new: preferences, looks, second tries."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.errors import SessionError
from kaimond.evals.all_evals import QueueFullError
from kaimond.evals.eval import Status
from kaimond.gate.gate_version import require_spoken
from kaimond.gate.link import GateSilentError
from kaimond.runtime import UnsafeDirectoryError
from kaimond.source.project_preferences import CurrentPreferences
from kaimond.source.report import read_again
from kaimond.source.source_check import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.evals.all_evals import EvalBook
    from kaimond.evals.eval import Eval
    from kaimond.gate.link import Link
    from kaimond.paths import Paths
    from kaimond.registry.record import Record
    from kaimond.source.report import Told

LONG: Final = 86_400.0
"""Seconds; for a question that has time."""

NOTHING: Final = "nothing"
"""The code of an eval that is there for what happens before each eval."""

OURSELVES: Final = "kaimond"
"""Who asks for what no agent has asked for."""


class Freshness:
    """What is done about the source of living sessions.

    Args:
        paths: where things live.
        busy: tells whether a session evaluates.
    """

    def __init__(self, paths: Paths, busy: Callable[[str], bool]) -> None:
        self.preferences = CurrentPreferences(paths.projects_file)
        self.keeper = Keeper(self._reviser, self._read_again, busy)
        self._book: EvalBook | None = None

    def attach(self, book: EvalBook) -> None:
        """Give it the evals; they need `keeper` before they exist."""
        self._book = book

    def _reviser(self, project: str) -> str:
        return str(self.preferences.of(Path(project)).revise)

    async def ask(self, key: str, link: Link) -> None:
        """Ask a session that is taken up from the previous daemon what it runs."""
        with contextlib.suppress(GateSilentError):
            self.keeper.told(key, await link.request("sources", timeout=LONG, repeat=True))

    def reread(self, record: Record, agent: str, journal: Callable[[str], None]) -> Eval:
        """Have a session read all its source files and take up what changed.

        Args:
            record: of the session.
            agent: who asks, for people.
            journal: called with the eval's id before anything is done.

        Returns:
            The eval that does it; `reread_told` tells what came of it.

        Raises:
            SessionError: the session cannot evaluate now, or too much waits for it.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        require_spoken(record)
        try:
            return self._submit(record.key, agent, journal)
        except KeyError:
            why = f"is {record.state} and evaluates nothing now. Wait a moment."
        except QueueFullError:
            why = "has too many evals waiting already. Try again later."
        raise SessionError(
            "not-ready",
            f"The source files of session {record.key} were not read again: it {why} "
            "ping shows how it is.",
        )

    async def reread_told(self, item: Eval) -> tuple[str, Told]:
        """What came of reading all files again, in words, and what the disk shows now.

        Args:
            item: that `reread` has given, at its end.

        Raises:
            SessionError: it did not get through.
        """
        outcome = item.outcome
        assert outcome is not None, "only what has ended is told"
        if outcome.status is not Status.DONE:
            why = outcome.reason or outcome.text("error")
            raise SessionError(
                "not-revised",
                f"Reading the source files of session {item.session} again did not get through: "
                f"{why}. Changes are still taken up before each eval.",
            )
        told = await self.keeper.now(item.session)
        return read_again(item.session, outcome.text("reloaded"), told), told

    def _submit(self, key: str, agent: str, journal: Callable[[str], None]) -> Eval:
        assert self._book
        return self._book.submit(
            key, NOTHING, agent, quiet=True, silent=True, thorough=True, journal=journal
        )

    async def _read_again(self, key: str) -> None:
        assert self._book
        with contextlib.suppress(KeyError, QueueFullError, UnsafeDirectoryError):
            item = self._submit(key, OURSELVES, lambda _: None)
            await self._book.finished(item.id)

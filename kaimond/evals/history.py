"""Every eval from its submission to its one end, and what is kept of it afterwards.

An eval is written to the store before the gate hears of it and again when it ends, so an eval that
was promised an answer has one after any crash: its result, asked for again by its id; or, if its
process image is gone, the word that it is lost. These are two transactions; only an eval that had
to wait needs a third one, which says that it has begun.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kaimond import failpoints
from kaimond.evals.eval import KEPT, Eval, Outcome, Status
from kaimond.events import EvalBegan, EvalEnded, EvalQueued

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.config.settings import EvalSettings
    from kaimond.evals.spool import Output, Spool
    from kaimond.events import Bus
    from kaimond.store.database import Dropped, Store

_log = logging.getLogger("kaimond.evals")

DAY: Final = 86_400.0

REMEMBER_DROPPED: Final = 90 * DAY
"""Seconds that it is known of a result which is not kept any more that there was one."""

DROP_AFTER: Final = 50
"""Evals of one session that may end before the results beyond `eval.keep` are dropped, in a row.

Usually housekeeping drops them; this is for sessions that are faster than that.
"""

PARTIAL: Final = 2**15
"""Bytes kept from each end of the output of an eval that was cut short."""


class History:
    """Keeps every eval that has not ended, and finds those that have.

    Args:
        store: where evals are kept.
        bus: that is told when an eval is queued, begins and ends.
        settings: how many results are kept, and how long.
    """

    def __init__(self, store: Store, bus: Bus, settings: EvalSettings) -> None:
        self._store = store
        self._settings = settings
        self._bus = bus
        self._open: dict[str, Eval] = {}
        self._ends: dict[str, asyncio.Future[Eval]] = {}
        self._unsaved: dict[str, Eval] = {}
        self._ended: Counter[str] = Counter()
        for data in store.unfinished_evals():
            item = Eval.from_json(data)
            self._open[item.id] = item
            self._ends[item.id] = asyncio.get_running_loop().create_future()

    # Before the end

    def add(self, item: Eval, journal: Callable[[str], None], *, begins: bool) -> None:
        """Take up a new eval.

        Args:
            item: the eval.
            journal: called with its id; what it writes to the store is stored with the eval, or
                neither is.
            begins: whether it is handed to the gate now, and does not have to wait.

        Raises:
            sqlite3.Error: it cannot be stored; nothing is known of it then.
        """
        if begins:
            item = replace(item, began=time.time())
        failpoints.passing("eval.before-journal")
        with self._store.together():
            journal(item.id)
            failpoints.passing("eval.after-journal")
            self._store.save_eval(item.id, item.session, item.finished, item.to_json())
        self._open[item.id] = item
        failpoints.passing("eval.after-save")
        self._ends[item.id] = asyncio.get_running_loop().create_future()
        self._bus.publish(EvalQueued(item.session, item.id, item.agent, item.code))

    def begins(self, eval_id: str) -> Eval:
        """Note that an eval is handed to the gate now, if that is not known; return it."""
        item = self._open[eval_id]
        if not item.began:
            item = replace(item, began=time.time())
            self._open[eval_id] = item
            # If this cannot be stored, the next daemon takes it for queued and hands it over a
            # second time; the gate runs an id once.
            self._stored(item)
        self._bus.publish(EvalBegan(item.session, item.id))
        return item

    def opened(self, eval_id: str) -> Eval | None:
        """The eval with this id, if it has not ended."""
        return self._open.get(eval_id)

    def all_open(self, session: str = "") -> list[Eval]:
        """Every eval that has not ended, of one session or ("") of all, the oldest first."""
        return [item for item in self._open.values() if session in ("", item.session)]

    def abandoned(self, session: str, spool: Spool, reason: str, boot_id: str = "") -> None:
        """End the open evals of a session: nothing evaluates them any more.

        Args:
            session: its key.
            spool: where they printed.
            reason: a clause for whoever waits for them.
            boot_id: of the process image whose evals go on all the same.
        """
        for item in self.all_open(session):
            if boot_id and item.boot_id == boot_id:
                continue
            if item.began:
                self.cut_short(spool, item.id, Outcome(Status.LOST, reason=reason))
            else:
                self.not_begun(item.id, reason)

    # The end

    def end(self, eval_id: str, outcome: Outcome) -> bool:
        """End an eval; tell whether that is stored. Who waits is answered in any case."""
        item = self._open.pop(eval_id).ended(outcome, time.time())
        stored = self._stored(item)
        _log.info(
            "eval %s %s after %.3f s",
            item.id,
            item.status,
            outcome.elapsed,
            extra={"session": item.session, "agent": item.agent},
        )
        self._bus.publish(
            EvalEnded(
                item.session, item.id, item.agent, item.status, outcome.elapsed, outcome.output
            )
        )
        future = self._ends.pop(eval_id, None)
        if future and not future.done():
            future.set_result(item)
        return stored

    def not_begun(self, eval_id: str, reason: str) -> None:
        """End an eval that will not begin any more."""
        self.end(eval_id, Outcome(Status.INTERRUPTED, reason=f"it had not begun: {reason}"))

    def cut_short(self, spool: Spool, eval_id: str, outcome: Outcome) -> bool:
        """End an eval that did not come to its own end; tell whether that is stored.

        Args:
            spool: of its session; what the eval had printed is added to the outcome.
            eval_id: of the eval.
            outcome: what is known besides.
        """
        # The spool goes with the process image, so what the eval had printed is kept here.
        printed = spool.read(eval_id, sys.maxsize, PARTIAL, PARTIAL)
        size = len(printed.head) + printed.omitted + len(printed.tail)
        parts = (*outcome.parts, *_both_ends(printed))
        return self.end(eval_id, replace(outcome, output=size, parts=parts))

    def keep_output(self, spool: Spool) -> None:
        """A session's spool will go: keep both ends of what its finished evals have printed.

        An agent that lost its connection may still ask for the result.
        """
        for eval_id in spool.evals():
            unsaved = self._unsaved.get(eval_id)
            item = unsaved or self._without_parts(eval_id)
            outcome = item.outcome if item else None
            if not item or not outcome or not outcome.output or outcome.kept:
                continue
            if not unsaved and self._store.has_part(eval_id, KEPT):
                continue
            ends = _both_ends(spool.read(eval_id, outcome.output, PARTIAL, PARTIAL))
            if unsaved:
                self._stored(replace(item, outcome=replace(outcome, parts=(*outcome.parts, *ends))))
                continue
            try:
                self._store.add_parts(eval_id, ends)
            except sqlite3.Error as error:
                _log.error("the output of eval %s could not be kept: %s", eval_id, error)

    def _without_parts(self, eval_id: str) -> Eval | None:
        data = self._store.load_eval(eval_id)
        return Eval.from_json(data) if data else None

    def _stored(self, item: Eval) -> bool:
        """Write an eval down; a disk that is full must not stop the queue or who waits."""
        try:
            if item.finished:
                failpoints.passing("eval.before-end-saved")
            parts = item.outcome.parts if item.outcome else ()
            self._store.save_eval(item.id, item.session, item.finished, item.to_json(), parts)
            if item.finished:
                failpoints.passing("eval.after-end-saved")
        except (sqlite3.Error, OSError) as error:
            _log.error(
                "eval %s could not be stored as %s: %s",
                item.id,
                item.status,
                error,
                extra={"session": item.session},
            )
            if item.finished:
                self._unsaved[item.id] = item
            return False
        self._unsaved.pop(item.id, None)
        if item.finished:
            self._count_end(item.session)
        return True

    def _count_end(self, session: str) -> None:
        self._ended[session] += 1
        if self._ended[session] >= DROP_AFTER:
            try:
                self._drop(session)
            except sqlite3.Error as error:
                # Housekeeping tries again.
                _log.warning("old results could not be dropped: %s", error)

    def _drop(self, session: str) -> None:
        keep = self._settings.keep
        why = f"only the newest {keep} results of a session are kept (eval.keep)"
        self._store.drop_evals(session, keep, why)
        del self._ended[session]

    def tidy(self) -> None:
        """Write ends that could not be written, and drop what has been kept long enough.

        Raises:
            sqlite3.Error: the disk refuses.
        """
        for item in list(self._unsaved.values()):
            self._stored(item)
        for session in list(self._ended):
            self._drop(session)
        now, days = time.time(), self._settings.keep_days
        why = f"results are kept for {days} days (eval.keep_days)"
        self._store.drop_old_evals(now - days * DAY, why)
        self._store.forget_dropped(now - REMEMBER_DROPPED)

    # Readers

    def recent(self, session: str, limit: int, status: str = "") -> list[Eval]:
        """The newest evals, without the parts of their outcomes, the newest first.

        Args:
            session: whose evals, or "" for all.
            limit: how many at most.
            status: where they are, or "" for all.
        """
        stored = [Eval.from_json(data) for data in self._store.recent_evals(session, limit, status)]
        # What is in memory is newer than what is stored of it.
        newer = [
            item
            for item in reversed((*self._open.values(), *self._unsaved.values()))
            if session in ("", item.session)
        ]
        found = {item.id: item for item in (*stored, *newer)}
        wanted = [item for item in found.values() if status in ("", item.status)]
        return sorted(wanted, key=lambda item: item.submitted, reverse=True)[:limit]

    def get(self, eval_id: str) -> Eval | None:
        """The eval with this id, ended or not."""
        known = self._open.get(eval_id) or self._unsaved.get(eval_id)
        if known:
            return known
        data = self._store.load_eval(eval_id)
        return Eval.from_json(data, self._store.load_parts(eval_id)) if data else None

    def dropped(self, eval_id: str) -> Dropped | None:
        """What is known of an eval whose result is not kept any more."""
        return self._store.load_dropped(eval_id)

    async def finished(self, eval_id: str) -> Eval:
        """Wait for an eval's end. Being cancelled here does nothing to the eval.

        Raises:
            KeyError: there is no such eval.
        """
        future = self._ends.get(eval_id)
        if future is not None:
            return await asyncio.shield(future)
        item = self.get(eval_id)
        if item is None:
            raise KeyError(eval_id)
        return item


def _both_ends(printed: Output) -> tuple[tuple[str, bytes], ...]:
    return ((KEPT, printed.head), ("output:tail", printed.tail))

"""Keeps every eval from its submission to its end, and its result afterwards.

An eval is stored before it is sent to the gate and again when it ends, so it gets an end after any
crash: its result, requested again by its id, or ``lost`` if its process image is gone. These are
two transactions; only an eval that had to wait needs a third one, which stores that it began.
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
"""Seconds for which a dropped result is still known to have existed."""

DROP_AFTER: Final = 50
"""Number of evals of a session after whose end the results beyond `eval.keep` are dropped.

Usually housekeeping drops them; this is for sessions that are faster than that.
"""

PARTIAL: Final = 2**15
"""Bytes kept from each end of the output of an eval that was cut short."""


class History:
    """All evals: open ones in memory, ended ones in the store.

    Args:
        store: stores the evals.
        bus: receives an event when an eval is queued, begins or ends.
        settings: how many results are kept, and for how long.
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
        """Add a new eval.

        Args:
            item: the eval.
            journal: called with the eval's id; what it writes is stored in one transaction with
                the eval.
            begins: whether the eval is sent to the gate now, without waiting.

        Raises:
            sqlite3.Error: the eval cannot be stored, and was not added.
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
        """Record that an eval is sent to the gate now, if not known already; return the eval."""
        item = self._open[eval_id]
        if not item.began:
            item = replace(item, began=time.time())
            self._open[eval_id] = item
            # If this cannot be stored, the next daemon takes it for queued and sends it again,
            # which is harmless, as the gate runs each id once.
            self._stored(item)
        self._bus.publish(EvalBegan(item.session, item.id))
        return item

    def opened(self, eval_id: str) -> Eval | None:
        """Return the eval with this id, or None if it has ended."""
        return self._open.get(eval_id)

    def all_open(self, session: str = "") -> list[Eval]:
        """Return the evals that have not ended, of one session or ("") of all, oldest first."""
        return [item for item in self._open.values() if session in ("", item.session)]

    def abandoned(self, session: str, spool: Spool, reason: str, boot_id: str = "") -> None:
        """End a session's open evals, because nothing evaluates them any more.

        Args:
            session: the session's key.
            spool: where its evals wrote their output.
            reason: a clause for whoever waits for them.
            boot_id: boot id of a process image whose evals continue.
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
        """End an eval and answer its waiters; return whether its end could be stored."""
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
        """End an eval that will not begin."""
        self.end(eval_id, Outcome(Status.INTERRUPTED, reason=f"it had not begun: {reason}"))

    def cut_short(self, spool: Spool, eval_id: str, outcome: Outcome) -> bool:
        """End an eval that did not finish by itself; return whether its end could be stored.

        Args:
            spool: the session's spool, from which output is added to the outcome.
            eval_id: the eval's id.
            outcome: the outcome without the output.
        """
        # The spool is removed with the process image, so the output is kept here.
        printed = spool.read(eval_id, sys.maxsize, PARTIAL, PARTIAL)
        size = len(printed.head) + printed.omitted + len(printed.tail)
        parts = (*outcome.parts, *_both_ends(printed))
        return self.end(eval_id, replace(outcome, output=size, parts=parts))

    def keep_output(self, spool: Spool) -> None:
        """Keep the head and tail of finished evals' output, before a session's spool is removed.

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
        """Store an eval; a full disk must not stop the queue or the waiters."""
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
                # Housekeeping will try again.
                _log.warning("old results could not be dropped: %s", error)

    def _drop(self, session: str) -> None:
        keep = self._settings.keep
        why = f"only the newest {keep} results of a session are kept (eval.keep)"
        self._store.drop_evals(session, keep, why)
        del self._ended[session]

    def tidy(self) -> None:
        """Retry storing ends that could not be stored, and drop results that are due.

        Raises:
            sqlite3.Error: the database cannot be written.
        """
        for item in list(self._unsaved.values()):
            self._stored(item)
        for session in list(self._ended):
            self._drop(session)
        now, days = time.time(), self._settings.keep_days
        why = f"results are kept for {days} days (eval.keep_days)"
        self._store.drop_old_evals(now - days * DAY, why)
        self._store.forget_dropped(now - REMEMBER_DROPPED)

    # Reading

    def recent(self, session: str, limit: int, status: str = "") -> list[Eval]:
        """Return the newest evals, newest first, without the parts of their outcomes.

        Args:
            session: key of the session, or "" for all.
            limit: maximum number of evals.
            status: status of the evals, or "" for all.
        """
        stored = [Eval.from_json(data) for data in self._store.recent_evals(session, limit, status)]
        # Evals in memory are newer than their stored versions.
        newer = [
            item
            for item in reversed((*self._open.values(), *self._unsaved.values()))
            if session in ("", item.session)
        ]
        found = {item.id: item for item in (*stored, *newer)}
        wanted = [item for item in found.values() if status in ("", item.status)]
        return sorted(wanted, key=lambda item: item.submitted, reverse=True)[:limit]

    def get(self, eval_id: str) -> Eval | None:
        """Return the eval with this id, ended or not, or None."""
        known = self._open.get(eval_id) or self._unsaved.get(eval_id)
        if known:
            return known
        data = self._store.load_eval(eval_id)
        return Eval.from_json(data, self._store.load_parts(eval_id)) if data else None

    def dropped(self, eval_id: str) -> Dropped | None:
        """Return what is known of an eval whose result was dropped."""
        return self._store.load_dropped(eval_id)

    async def finished(self, eval_id: str) -> Eval:
        """Wait for an eval's end and return it; cancelling the wait does not affect the eval.

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

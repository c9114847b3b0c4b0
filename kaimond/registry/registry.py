"""The only writer of session records.

Every change goes through `Registry.apply` (a transition) or `Registry.note` (a change of facts
without one); both store the new record before anybody can read it, and log the change. Only the
beginning and end of evals, which happen many times a second, are stored later by housekeeping; the
next daemon learns of them from the evals. Records are immutable, so a list of them is a snapshot.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from kaimond import failpoints
from kaimond.events import SessionChanged
from kaimond.registry.record import Record
from kaimond.registry.state import Event, State, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.events import Bus
    from kaimond.store.database import Store

_log = logging.getLogger("kaimond.registry")

KEEP_ENDED: Final = 30 * 24 * 3600.0
"""Seconds for which an ended session is still known by its key."""


class Registry:
    """All sessions, alive and ended.

    Args:
        store: stores the records.
        bus: receives an event for every change.
        clock: returns seconds since the epoch.
    """

    def __init__(self, store: Store, bus: Bus, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._unsaved: set[str] = set()
        self._behind: set[str] = set()
        store.forget_sessions(clock() - KEEP_ENDED)
        last_ends = store.last_ends()
        for record in store.load_sessions(Record.from_json):
            last = last_ends.get(record.key, 0.0)
            if record.alive and last > record.last_eval:
                self._records[record.key] = dataclasses.replace(record, last_eval=last)
                self._behind.add(record.key)
            else:
                self._records[record.key] = record

    def create(self, project: str, name: str, spawned_by: str, julia: str) -> Record:
        """Create a session in state ``starting``, with a key that was never used before."""
        key = secrets.token_hex(4)
        while key in self._records:
            key = secrets.token_hex(4)
        record = Record(
            key=key,
            project=project,
            name=name,
            state=State.STARTING,
            spawned_by=spawned_by,
            created=self._clock(),
            nonce=secrets.token_hex(8),
            julia=julia,
        )
        self._save(record)
        _log.info("%s is born for %s", record.key, record.project, extra={"session": key})
        return record

    def create_joined(self, key: str, **facts: Any) -> Record:
        """Create a session for a process that a person started and that announced itself.

        Args:
            key: the announced key; no session has had it before.
            facts: fields of the record.
        """
        assert key not in self._records, "a key is born once"
        record = Record(
            key=key, state=State.STARTING, spawned_by="user", created=self._clock(), **facts
        )
        self._save(record)
        _log.info("%s joins for %s", key, record.project, extra={"session": key})
        return record

    def apply(self, key: str, event: Event, cause: str, **changes: Any) -> Record:
        """Apply an event to a session's state, and change fields in the same step.

        Args:
            key: the session's key.
            event: what happened.
            cause: why, for the log.
            changes: fields of the record.

        Raises:
            KeyError: there is no such session.
            IllegalTransitionError: the event cannot happen in this state; nothing was changed.
        """
        before = self._records[key]
        state = step(before.state, event)
        record = dataclasses.replace(before, state=state, **changes)
        if event in _ROUTINE:
            self._behind.add(key)
            self._show(record)
        else:
            self._save(record, fact=event in _FACTS)
        level = logging.DEBUG if event in _ROUTINE else logging.INFO
        _log.log(
            level,
            "%s -> %s: %s",
            before.state,
            state,
            cause,
            extra={"session": key},
        )
        return record

    def note(self, key: str, **changes: Any) -> Record:
        """Change fields of a session without changing its state."""
        record = dataclasses.replace(self._records[key], **changes)
        self._save(record)
        return record

    def _save(self, record: Record, *, fact: bool = False) -> None:
        """Store a record, then publish it.

        If it cannot be stored, a mere intention is not carried out, but a fact is published anyway:
        a full disk must not make anybody believe that a dead session is alive.
        """
        try:
            failpoints.passing("registry.before-save")
            self._store.save_session(record.key, record.ended, record.to_json())
            failpoints.passing("registry.after-save")
        except (OSError, sqlite3.Error) as error:
            if not fact:
                raise
            self._unsaved.add(record.key)
            _log.error("could not be written down: %s", error, extra={"session": record.key})
        else:
            self._unsaved.discard(record.key)
            self._behind.discard(record.key)
        self._show(record)

    def _show(self, record: Record) -> None:
        self._records[record.key] = record
        self._bus.publish(
            SessionChanged(
                record.key, record.project, record.title, record.state, record.generation
            )
        )

    @property
    def unsaved(self) -> int:
        """The number of sessions whose current record is not stored."""
        return len(self._unsaved)

    def tidy(self) -> None:
        """Store what is not stored, and forget sessions that ended long ago.

        Raises:
            OSError: the disk still refuses; the same goes for `sqlite3.Error`.
        """
        self.catch_up()
        before = self._clock() - KEEP_ENDED
        if self._store.forget_sessions(before):
            for record in self.ended():
                if record.ended < before:
                    del self._records[record.key]

    def catch_up(self) -> None:
        """Store records that could not be stored, and those whose storing was deferred.

        Raises:
            OSError: the disk refuses; the same goes for `sqlite3.Error`.
        """
        for key in self._unsaved | self._behind:
            self._save(self._records[key])

    def get(self, key: str) -> Record | None:
        """Return the session with this key, alive or ended, or None."""
        return self._records.get(key)

    def alive(self) -> list[Record]:
        """Return the sessions that have not ended, in order of creation."""
        return [record for record in self._records.values() if record.alive]

    def ended(self) -> list[Record]:
        """Return the sessions that have ended, the last one first."""
        gone = [record for record in self._records.values() if not record.alive]
        return sorted(gone, key=lambda record: record.ended, reverse=True)

    def alive_for(self, project: str, name: str) -> Record | None:
        """Return the live session of a project with this name, or None."""
        for record in self.alive():
            if record.project == project and record.name == name:
                return record
        return None


_FACTS: Final = frozenset(
    {
        Event.ANSWERED,
        Event.SPAWNED,
        Event.EXITED,
        Event.LEFT,
    }
)
"""Events that report facts, which cannot be refused."""

_ROUTINE: Final = frozenset({Event.EVAL_BEGAN, Event.EVALS_ENDED})
"""Events of every eval, which are stored later and logged only at debug level."""

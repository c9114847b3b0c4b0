"""The one writer of session records.

Every change of a session goes through `Registry.apply` (a transition) or `Registry.note` (a fact
that changes without one); both write to the store before anybody can read the new record, and both
log. Only that evals come and go, many times a second, waits for the next housekeeping: the next
daemon learns it from the evals. Readers get immutable records, so a list of them is a snapshot.
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
"""How long an ended session answers to its key, in seconds."""


class Registry:
    """All sessions, alive and ended.

    Args:
        store: where records are kept.
        bus: that is told of every change.
        clock: seconds since the epoch.
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
        """A new session, ``starting``, with a key that was never used before."""
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
        """A session for a process that a person started and that announced itself.

        Args:
            key: that it announced; no session has had it.
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
        """Move a session along the state table and change fields in the same step.

        Args:
            key: of the session.
            event: what happened.
            cause: why, for the log.
            changes: fields of the record.

        Raises:
            KeyError: no such session.
            IllegalTransitionError: the table does not allow it; nothing was changed.
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
        """Change fields of a session that say nothing about its state."""
        record = dataclasses.replace(self._records[key], **changes)
        self._save(record)
        return record

    def _save(self, record: Record, *, fact: bool = False) -> None:
        """Write a record down, then show it.

        What is only intended is not done if it cannot be written. What has happened has happened:
        a full disk must not make anybody believe that a dead session lives.
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
        """How many sessions are not in the store as they are."""
        return len(self._unsaved)

    def tidy(self) -> None:
        """Write what is not written, and forget sessions that ended long ago.

        Raises:
            OSError: the disk still refuses; so does `sqlite3.Error`.
        """
        self.catch_up()
        before = self._clock() - KEEP_ENDED
        if self._store.forget_sessions(before):
            for record in self.ended():
                if record.ended < before:
                    del self._records[record.key]

    def catch_up(self) -> None:
        """Write what could not be written, and what was not worth it.

        Raises:
            OSError: the disk refuses; so does `sqlite3.Error`.
        """
        for key in self._unsaved | self._behind:
            self._save(self._records[key])

    def get(self, key: str) -> Record | None:
        """The session with this key, alive or ended."""
        return self._records.get(key)

    def alive(self) -> list[Record]:
        """Sessions that have not ended, in the order of their birth."""
        return [record for record in self._records.values() if record.alive]

    def ended(self) -> list[Record]:
        """Sessions that have ended, the last one first."""
        gone = [record for record in self._records.values() if not record.alive]
        return sorted(gone, key=lambda record: record.ended, reverse=True)

    def alive_for(self, project: str, name: str) -> Record | None:
        """The living session of a project with this name."""
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
"""Events that nobody decides upon."""

_ROUTINE: Final = frozenset({Event.EVAL_BEGAN, Event.EVALS_ENDED})
"""Events of every eval, which are written down later and logged for debugging only."""

"""The database: sessions, evals and the journal of requests in one sqlite file.

Each write is a transaction that survives the daemon being killed once the call has returned (WAL;
measured at 0.01 ms), so the daemon never reports anything newer than what is stored.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_T = TypeVar("_T")

SCHEMA: Final = 1
"""Version of the tables below; increases with every change that older daemons cannot read."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    key TEXT PRIMARY KEY,
    ended REAL NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS evals (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    finished REAL NOT NULL,
    eval TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS evals_by_session ON evals (session, finished);
CREATE TABLE IF NOT EXISTS parts (
    eval TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS parts_by_eval ON parts (eval);
CREATE TRIGGER IF NOT EXISTS parts_go_with_their_eval AFTER DELETE ON evals
    BEGIN DELETE FROM parts WHERE eval = old.id; END;
CREATE TABLE IF NOT EXISTS dropped (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    status TEXT NOT NULL,
    finished REAL NOT NULL,
    dropped REAL NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS calls (
    agent TEXT NOT NULL,
    request TEXT NOT NULL,
    made REAL NOT NULL,
    call TEXT NOT NULL,
    PRIMARY KEY (agent, request)
) STRICT;
"""


class Dropped(NamedTuple):
    """What is still known of an eval whose result was dropped.

    Attributes:
        session: key of its session.
        status: how it ended.
        finished: when it ended, in seconds since the epoch.
        dropped: when its result was dropped, in seconds since the epoch.
        why: the reason for dropping it, as a clause.
    """

    session: str
    status: str
    finished: float
    dropped: float
    why: str


class StoreError(KaimonError):
    """The database cannot be used; the message says why and what to do."""


class Store:
    """The database at ``path``, which is created if needed.

    Raises:
        StoreError: the file is damaged, or was written by a newer kaimond.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reading():
            self._db = sqlite3.connect(path, isolation_level=None)
        try:
            with self._reading():
                self._prepare()
        except StoreError:
            self._db.close()
            raise

    @contextlib.contextmanager
    def _reading(self, what: str = "") -> Iterator[None]:
        """Turn errors from reading a damaged database into `StoreError`."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{self.path} cannot be read: {what}{error}. Nothing was changed. "
                "Move the file away to start with an empty registry, or restore it from a backup."
            ) from None

    def _prepare(self) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found > SCHEMA:
            raise StoreError(
                f"{self.path} was written by a newer kaimond (its format is {found}, this kaimond "
                f"reads up to {SCHEMA}). Nothing was changed. Install that kaimond again, or move "
                "the file away to start with an empty registry."
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)
        self._db.execute(f"PRAGMA user_version = {SCHEMA}")

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._db.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Combine all writes inside the block into one transaction."""
        if self._db.in_transaction:
            yield
            return
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    # Sessions

    def save_session(self, key: str, ended: float, data: dict[str, Any]) -> None:
        """Store a session, replacing what was stored; ``ended`` is 0 while it is alive."""
        self._db.execute(
            # An update keeps the row's position, which is the order of creation; REPLACE would not.
            "INSERT INTO sessions VALUES (?1, ?2, ?3) "
            "ON CONFLICT (key) DO UPDATE SET ended = ?2, record = ?3",
            (key, ended, json.dumps(data)),
        )

    def load_sessions(self, read: Callable[[dict[str, Any]], _T]) -> Iterator[_T]:
        """Yield all sessions in order of creation.

        Args:
            read: makes a session from the data given to `save_session`.

        Raises:
            StoreError: they cannot be read.
        """
        with self._reading():
            rows = self._db.execute("SELECT key, record FROM sessions ORDER BY rowid").fetchall()
        for key, text in rows:
            with self._reading(f"session {key}: "):
                session = read(json.loads(text))
            yield session

    def forget_sessions(self, ended_before: float) -> int:
        """Drop sessions that ended before a time, with their evals; return their number.

        Raises:
            StoreError: they cannot be read.
        """
        with self._reading(), self.together():
            found = self._evals_where(
                "session IN (SELECT key FROM sessions WHERE ended > 0 AND ended < ?)",
                (ended_before,),
            )
            self._drop_evals(
                found,
                "what is known of a session is kept for a while after its end, and that is over",
            )
            gone = self._db.execute(
                "DELETE FROM sessions WHERE ended > 0 AND ended < ?", (ended_before,)
            )
            return gone.rowcount

    # Evals

    def save_eval(
        self,
        eval_id: str,
        session: str,
        finished: float,
        data: dict[str, Any],
        parts: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Store one eval, replacing what was stored.

        Args:
            eval_id: the eval's id.
            session: key of its session.
            finished: when it ended, 0 while it is queued or running.
            data: the small data.
            parts: data that may be large and is read separately.
        """
        with self.together():
            self._db.execute(
                "INSERT INTO evals VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (id) DO UPDATE SET session = ?2, finished = ?3, eval = ?4",
                (eval_id, session, finished, json.dumps(data)),
            )
            self._db.execute("DELETE FROM parts WHERE eval = ?", (eval_id,))
            self.add_parts(eval_id, parts)

    def add_parts(self, eval_id: str, parts: Iterable[tuple[str, bytes]]) -> None:
        """Store further parts of an eval."""
        with self.together():
            self._db.executemany(
                "INSERT INTO parts VALUES (?, ?, ?)",
                [(eval_id, name, value) for name, value in parts],
            )

    def load_eval(self, eval_id: str) -> dict[str, Any] | None:
        """Return what `save_eval` last stored for this id, without the parts."""
        row = self._db.execute("SELECT eval FROM evals WHERE id = ?", (eval_id,)).fetchone()
        return json.loads(row[0]) if row else None

    def load_parts(self, eval_id: str) -> list[tuple[str, bytes]]:
        """Return the parts of an eval in their order."""
        return self._db.execute(
            "SELECT name, value FROM parts WHERE eval = ? ORDER BY rowid", (eval_id,)
        ).fetchall()

    def has_part(self, eval_id: str, name: str) -> bool:
        """Return whether an eval has a part with this name."""
        row = self._db.execute(
            "SELECT 1 FROM parts WHERE eval = ? AND name = ? LIMIT 1", (eval_id, name)
        )
        return row.fetchone() is not None

    def last_ends(self) -> dict[str, float]:
        """Return by session key when the newest eval ended; 0 if none has.

        Raises:
            StoreError: they cannot be read.
        """
        with self._reading():
            rows = self._db.execute("SELECT session, max(finished) FROM evals GROUP BY session")
            return dict(rows.fetchall())

    def unfinished_evals(self) -> list[dict[str, Any]]:
        """Return all evals that have not ended, in order of creation.

        Raises:
            StoreError: they cannot be read.
        """
        with self._reading():
            rows = self._db.execute("SELECT eval FROM evals WHERE finished = 0 ORDER BY rowid")
            return [json.loads(text) for (text,) in rows.fetchall()]

    def recent_evals(self, session: str, limit: int, status: str = "") -> list[dict[str, Any]]:
        """Return the newest evals, newest first, without their parts.

        Args:
            session: key of the session, or "" for all.
            limit: maximum number of evals.
            status: status with which they ended, or "" for all.
        """
        rows = self._db.execute(
            # The first databases have the parts in here, as base64.
            "SELECT json_replace(eval, '$.outcome.parts', json('[]')) FROM evals "
            "WHERE ?1 IN ('', session) AND ?2 IN ('', json_extract(eval, '$.outcome.status')) "
            "ORDER BY rowid DESC LIMIT ?3",
            (session, status, limit),
        )
        return [json.loads(text) for (text,) in rows.fetchall()]

    def drop_evals(self, session: str, keep: int, why: str) -> None:
        """Drop all but the newest ``keep`` finished evals of a session, noting why."""
        found = self._evals_where(
            "session = ?1 AND finished > 0 AND finished <= (SELECT finished FROM evals "
            "WHERE session = ?1 AND finished > 0 ORDER BY finished DESC LIMIT 1 OFFSET ?2)",
            (session, keep),
        )
        self._drop_all(found, why)

    def drop_old_evals(self, finished_before: float, why: str) -> None:
        """Drop evals that ended before a time, noting why."""
        self._drop_all(self._evals_where("finished > 0 AND finished < ?", (finished_before,)), why)

    def _drop_all(self, found: list[tuple[Any, ...]], why: str) -> None:
        if found:
            with self.together():
                self._drop_evals(found, why)

    def _evals_where(self, which: str, values: tuple[str | float, ...]) -> list[tuple[Any, ...]]:
        return self._db.execute(
            # The conditions are ours; their values are bound.
            "SELECT id, session, coalesce(json_extract(eval, '$.outcome.status'), ''), finished "  # noqa: S608
            f"FROM evals WHERE {which}",
            values,
        ).fetchall()

    def _drop_evals(self, found: list[tuple[Any, ...]], why: str) -> None:
        now = time.time()
        self._db.executemany(
            "INSERT OR REPLACE INTO dropped VALUES (?, ?, ?, ?, ?, ?)",
            [(*row, now, why) for row in found],
        )
        self._db.executemany("DELETE FROM evals WHERE id = ?", [(row[0],) for row in found])

    def load_dropped(self, eval_id: str) -> Dropped | None:
        """Return what is known of an eval that was dropped, or None."""
        row = self._db.execute(
            "SELECT session, status, finished, dropped, why FROM dropped WHERE id = ?", (eval_id,)
        ).fetchone()
        return Dropped(*row) if row else None

    def forget_dropped(self, before: float) -> None:
        """Forget evals that were dropped before a time."""
        self._db.execute("DELETE FROM dropped WHERE dropped < ?", (before,))

    # Requests that change something, by agent and request id

    def save_call(self, agent: str, request: str, made: float, call: dict[str, Any]) -> None:
        """Store what a request starts, before acting on it."""
        self._db.execute(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)",
            (agent, request, made, json.dumps(call)),
        )

    def load_call(self, agent: str, request: str) -> dict[str, Any] | None:
        """Return what `save_call` last stored for this request, or None."""
        row = self._db.execute(
            "SELECT call FROM calls WHERE agent = ? AND request = ?", (agent, request)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def forget_calls(self, made_before: float) -> None:
        """Drop calls older than a time."""
        self._db.execute("DELETE FROM calls WHERE made < ?", (made_before,))

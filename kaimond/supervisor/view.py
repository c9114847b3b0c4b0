"""The public view of a session.

One function makes a view and one lists all of them. Every answer (ping, start_session,
"Available:", kaimonctl) is made from their results, so answers cannot disagree.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kaimond.errors import ErrorKind, SessionError
from kaimond.gate.gate_version import unspoken
from kaimond.julia_process.health import Health, Word, judge
from kaimond.registry.state import USABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kaimond.registry.record import Record
    from kaimond.sessions.session import Session
    from kaimond.supervisor.supervisor import Supervisor

MOST_LISTED: Final = 20
"""Most sessions that a message lists."""


@dataclass(frozen=True)
class View:
    """A snapshot of one session; times are ISO 8601 in UTC, durations in seconds."""

    key: str
    name: str
    title: str
    project: str
    state: str
    health: str
    health_word: str
    generation: int
    boot_id: str
    pid: int
    julia: str
    pwd: str
    spawned_by: str
    started: str
    uptime: float
    ready_after: float
    tainted: bool
    tracked: str
    stale: tuple[str, ...]
    changed: tuple[str, ...]
    remarks: tuple[str, ...]
    eval: str
    queued: int
    cpu_percent: float | None
    memory_bytes: int | None
    ended: str
    ending: str
    last_output: str

    @property
    def condition(self) -> str:
        """The state and health in a few words, such as ``ready`` or ``busy for 3 s``."""
        return self.state if self.health_word in (Word.OK, Word.NONE) else self.health

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


async def view(supervisor: Supervisor, record: Record) -> View:
    """Return the view of one session as it is now."""
    source = await supervisor.source.now(record.key)
    session = supervisor.sessions.get(record.key)
    seen = None
    if session and record.state in USABLE:
        seen = await session.look()
        # The session may have ended during the measurement, which must not be reported then.
        record = session.verify()
    live = session.live if session else None
    health = judge(record.state, seen if record.alive else None)
    skew = unspoken(record.protocol, record.gate) if record.alive else ""
    if skew:
        health = Health(Word.MUTE, f"alive, but cannot be used: {skew}")
    cpu, memory = live.usage() if live else (None, None)
    running = session.running if session else None
    until = record.ended or time.time()
    return View(
        key=record.key,
        name=record.name,
        title=record.title,
        project=record.project,
        state=str(record.state),
        health=health.text,
        health_word=str(health.word),
        generation=record.generation,
        boot_id=record.boot_id,
        pid=record.pid if record.alive else 0,
        julia=record.julia_version,
        pwd=live.pwd() if live else "",
        spawned_by=record.spawned_by,
        started=iso(record.started),
        uptime=round(max(0.0, until - record.started), 3) if record.started else 0.0,
        ready_after=round(record.ready - record.started, 3) if record.ready else 0.0,
        tainted=record.tainted,
        tracked=source.tracked,
        stale=source.stale,
        changed=source.changed,
        remarks=source.remarks,
        eval=running.id if running else "",
        queued=session.queued if session else 0,
        cpu_percent=cpu,
        memory_bytes=memory,
        ended=iso(record.ended),
        ending=record.ending,
        last_output=record.last_output,
    )


async def views(supervisor: Supervisor, *, ended: bool = False) -> list[View]:
    """Return the views of all sessions, measured concurrently; ended ones only if asked for."""
    records = [session.record for session in supervisor.sessions.all_verified()]
    if ended:
        records += supervisor.registry.ended()
    seen = await asyncio.gather(*(view(supervisor, record) for record in records))
    # A session may have ended while another one was measured.
    return [one for one in seen if ended or not one.ended]


def choose(supervisor: Supervisor, key: str) -> Session:
    """Return the session with this key, or the only live one if no key is given.

    An unambiguous beginning of a key counts as the key.

    Raises:
        SessionError: the choice is unclear, or the session has ended; the message lists others.
    """
    alive = supervisor.sessions.all_verified()
    if not key:
        if len(alive) == 1:
            return alive[0]
        if not alive:
            raise SessionError(
                ErrorKind.NO_SESSION,
                'There is no session. Start one with start_session(project_path="/abs/path"); '
                "start_session() lists the allowed projects.",
            )
        raise SessionError(
            ErrorKind.WHICH_SESSION,
            "There are several sessions, so name one by its key, as session=... "
            f"{available(alive)}",
        )
    record = known(supervisor, key)
    session = supervisor.sessions.get(record.key)
    if session:
        return session
    successor = supervisor.registry.alive_for(record.project, record.name)
    now = (
        f"The project's session is now {successor.key}."
        if successor
        else "The project has no session now; start_session starts one, under a new key."
    )
    last = f"\nThe last lines of its output:\n{record.last_output}" if record.last_output else ""
    raise SessionError(
        ErrorKind.ENDED_SESSION,
        f"Session {record.key} ({record.title}) ended at {iso(record.ended)}. {record.ending} "
        f"{now}{last}",
    )


def known(supervisor: Supervisor, begin: str) -> Record:
    """Return the session, alive or not, whose key is or begins with ``begin``.

    Live sessions come first, as there may be many that have ended.

    Raises:
        SessionError: there is none, or there are several; the message lists them.
    """
    exact = supervisor.registry.get(begin)
    if exact:
        return exact
    sessions = supervisor.sessions.all_verified()
    for records in ([each.record for each in sessions], supervisor.registry.ended()):
        found = [record for record in records if record.key.startswith(begin.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise SessionError(
                ErrorKind.WHICH_SESSION,
                f"The keys of several sessions begin with {begin!r}; give more of it. "
                f"{_listed(found)}",
            )
    raise SessionError(
        ErrorKind.UNKNOWN_SESSION, f"No session has the key {begin!r}. {available(sessions)}"
    )


def available(alive: Iterable[Session]) -> str:
    """Return a text that lists the sessions a call could have named."""
    records = [session.record for session in alive]
    return _listed(records) if records else "There is no session now; start_session starts one."


def _listed(records: Sequence[Record]) -> str:
    named = [f"{record.key} ({record.title}, {record.project})" for record in records[:MOST_LISTED]]
    more = len(records) - len(named)
    return f"Available: {', '.join([*named, *([f'and {more} more'] if more else [])])}"


def iso(when: float) -> str:
    """Return a time in ISO 8601; "" for 0, which means never."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""

"""Lets REPLs that announce themselves join, and releases those that withdraw.

It watches the directory of announcements. `kaimond.joined.announcement` checks the files; a session
begins once its gate has proved to be the announced one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from kaimond import platform
from kaimond.events import SessionChanged
from kaimond.gate.libzmq import LibzmqNotFoundError, publish
from kaimond.gate.link import GateLink
from kaimond.joined import announcement
from kaimond.joined.announcement import NotAnnouncedError
from kaimond.joined.joined_session import JoinedSession
from kaimond.julia_process.live import FOR_EVER, ask
from kaimond.julia_process.process import ProcessGoneError, SessionProcess
from kaimond.registry.state import USABLE, Event, State
from kaimond.runtime import UnsafeDirectoryError, ensure_private
from kaimond.source.watcher import Watch

if TYPE_CHECKING:
    from kaimond.gate.frames import Message
    from kaimond.joined.announcement import Announcement
    from kaimond.registry.record import Record
    from kaimond.sessions.sessions import Sessions

_log = logging.getLogger("kaimond.joined")

GOODBYE: Final = 2.0
"""Seconds for a process to end after its announcement was removed, if it is exiting."""

SLOW_GOODBYE: Final = 15.0
"""The same if the gate's socket is still open, which `Gate.stop()` would have closed."""

LOOK_EVERY: Final = 2.0
"""Seconds between polls of the directory if the system refuses to watch it."""

MOST: Final = 100
"""Maximum number of announced gates waited for at once; each needs a connection."""


class Joiner:
    """Connects the directory of announcements with the sessions.

    Args:
        sessions: all sessions.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._services = sessions.services
        self._paths = sessions.services.paths
        self._registry = sessions.services.registry
        self._uid = os.getuid()
        self._watch = Watch(self._changed)
        self._told: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._waits: dict[str, tuple[Announcement, asyncio.Task[None]]] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._problem = ""
        self._generations: dict[str, int] = {}
        self._services.bus.subscribe(SessionChanged, self._session_changed)

    def begin(self) -> None:
        """Start watching, and handle the announcements that exist already."""
        try:
            ensure_private(self._paths.sockets)
            publish(self._paths.libzmq_file)
        except (UnsafeDirectoryError, LibzmqNotFoundError, OSError) as error:
            _log.error("no REPL can join: %s", error)
            return
        self._watch.set([str(self._paths.sockets)])

    async def close(self) -> None:
        """Stop watching; joined sessions keep running."""
        await self._watch.close()
        if self._next_look:
            self._next_look.cancel()
        tasks = [*self._tasks.values(), *(task for _, task in self._waits.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _session_changed(self, event: SessionChanged) -> None:
        """Look again after a restart: the new image may have announced changes before its proof."""
        if not isinstance(self._sessions.get(event.session), JoinedSession):
            self._generations.pop(event.session, None)
            return
        before = self._generations.get(event.session, 1)
        if event.state in USABLE and event.generation > before:
            self._generations[event.session] = event.generation
            self.look(event.session)

    # Watching the directory

    def _changed(self, paths: frozenset[str]) -> None:
        """Look at the changed files, or at all files if ``paths`` is empty."""
        if str(self._paths.sockets) in paths or not paths:
            names = self._there()
            self._watch.set([str(self._paths.sockets)])
            if self._watch.blind:
                loop = asyncio.get_running_loop()
                self._next_look = loop.call_later(LOOK_EVERY, self._changed, frozenset())
            names |= {f"{record.key}.json" for record in self._registry.alive() if record.joined}
        else:
            names = {Path(path).name for path in paths}
        for key in {announcement.key_of(name) for name in names}:
            if key:
                self.look(key)

    def _there(self) -> set[str]:
        """Return the names of the files in the directory; none while it is unsafe."""
        try:
            # A cache cleaner may remove the directory while we watch it.
            ensure_private(self._paths.sockets)
            found, problem = {path.name for path in self._paths.sockets.iterdir()}, ""
        except (UnsafeDirectoryError, OSError) as error:
            found, problem = set(), str(error)
        if problem and problem != self._problem:
            _log.error("no REPL can join: %s", problem)
        self._problem = problem
        return found

    def look(self, key: str) -> None:
        """Check one announcement and act on it; looks at the same key run one after another."""
        if key in self._tasks:
            self._again.add(key)
            return
        task = asyncio.create_task(self._looked_at(key), name=f"announcement {key}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._looked(key, task))

    def _looked(self, key: str, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        if task.cancelled():
            return
        error = task.exception()
        if error:
            _log.error("looking at an announcement failed", exc_info=error, extra={"session": key})
        if key in self._again:
            self._again.discard(key)
            self.look(key)

    async def _looked_at(self, key: str) -> None:
        record = self._sessions.verify(key)
        try:
            announced = self._read(key)
            start = announcement.check_process(announced, self._uid, platform.process_start, _owner)
            self._check_known(record, announced, start)
        except NotAnnouncedError as problem:
            self._stop_waiting(key)
            if record and record.alive and record.joined:
                if problem.gone:
                    await self._gone(record)
                else:
                    self._tell(key, str(problem))
            elif problem.stale and (record is None or not record.alive):
                self._tell(key, f"{problem}; its files were removed")
                self._remove(key)
            elif not problem.gone:
                self._tell(key, str(problem))
            else:
                self._told.pop(key, None)
            return
        if record is None:
            self._await_gate(announced, start)
        else:
            await self._renewed(record, announced)

    def _read(self, key: str) -> Announcement:
        announced = announcement.parse(
            announcement.read(self._paths.announcement(key), self._uid), key
        )
        announcement.check_socket(self._paths.session_socket(key), self._uid)
        return announced

    @staticmethod
    def _check_known(record: Record | None, announced: Announcement, start: str) -> None:
        if record is None:
            return
        if not record.alive:
            raise NotAnnouncedError("its key is that of a session that has ended")
        if not record.joined:
            raise NotAnnouncedError("its key is that of a session that kaimond started")
        if (record.pid, record.process_start) != (announced.pid, start):
            raise NotAnnouncedError(f"its key is that of the session of process {record.pid}")

    def _tell(self, key: str, why: str) -> None:
        """Log a reason once, however often the file is checked."""
        if self._told.get(key) != why:
            self._told[key] = why
            _log.warning("%s.json announces no session: %s", key, why, extra={"session": key})

    def _remove(self, key: str) -> None:
        where = self._paths
        for path in (where.announcement(key), where.session_socket(key), where.session_shield(key)):
            with contextlib.suppress(OSError):
                path.unlink()

    # Known sessions

    async def _gone(self, record: Record) -> None:
        """Handle a removed announcement: either the process ends or the user took it back."""
        session = self._session(record.key)
        live = session.live if session else None
        if session is None or live is None or await live.process.wait(GOODBYE):
            return
        if live.link.up and await live.process.wait(SLOW_GOODBYE):
            return
        try:
            self._read(record.key)
        except NotAnnouncedError as problem:
            if problem.gone:
                await session.taken_back(
                    "Its user took it back (Gate.stop()): "
                    f"process {record.pid} goes on without agents."
                )
        else:
            # The process is restarting, and its file was missing for a moment.
            self.look(record.key)

    async def _renewed(self, record: Record, announced: Announcement) -> None:
        """Handle a changed announcement of a known session."""
        key, session = record.key, self._session(record.key)
        if session is None or session.live is None:
            return
        if announced.boot != record.boot_id:
            if record.state in USABLE:
                await session.confirm()
            return
        if announced.restarting:
            if record.state in USABLE:
                await session.restarts_itself()
            return
        if record.state is State.RESTARTING:
            await session.stays()
        facts = _facts(announced)
        now = self._registry.get(key)
        if now and now.alive and any(getattr(now, name) != value for name, value in facts.items()):
            self._registry.note(key, **facts)

    def _session(self, key: str) -> JoinedSession | None:
        session = self._sessions.get(key)
        return session if isinstance(session, JoinedSession) else None

    # New sessions

    def _await_gate(self, announced: Announcement, start: str) -> None:
        """Wait in the background for the gate to prove itself."""
        waits = self._waits.get(announced.key)
        if waits and waits[0] == announced:
            return
        self._stop_waiting(announced.key)
        if len(self._waits) >= MOST:
            self._tell(announced.key, f"{MOST} gates are waited for already")
            return
        task = asyncio.create_task(
            self._joins(announced, start), name=f"gate {announced.key} is waited for"
        )
        self._waits[announced.key] = announced, task
        task.add_done_callback(lambda _: self._wait_ended(announced.key, task))

    def _stop_waiting(self, key: str) -> None:
        waits = self._waits.pop(key, None)
        if waits:
            waits[1].cancel()

    def _wait_ended(self, key: str, task: asyncio.Task[None]) -> None:
        waits = self._waits.get(key)
        if waits and waits[1] is task:
            del self._waits[key]
        if not task.cancelled() and task.exception():
            _log.error("joining failed", exc_info=task.exception(), extra={"session": key})

    async def _joins(self, announced: Announcement, start: str) -> None:
        key = announced.key
        try:
            process = SessionProcess.adopt(announced.pid, start)
        except ProcessGoneError:
            self._again_later(key)
            return
        link = GateLink(
            self._services.context,
            key,
            self._paths.session_socket(key),
            on_message=lambda _message: None,
            on_up=lambda: None,
        )
        pong = None
        try:
            pong = await ask(link, process, "ping", timeout=FOR_EVER, repeat=True)
        finally:
            await link.close()
            if pong is None:
                process.release()
        if pong is None:
            self._again_later(key)
        elif not announcement.proves(announced, pong):
            process.release()
            self._tell(key, "the gate that answers at its socket is not the announced one")
        elif self._registry.get(key) is None and process.running:
            self._begins(announced, start, process, pong)
        else:
            process.release()

    def _again_later(self, key: str) -> None:
        asyncio.get_running_loop().call_soon(self.look, key)

    def _begins(
        self, announced: Announcement, start: str, process: SessionProcess, pong: Message
    ) -> None:
        key = announced.key
        self._told.pop(key, None)
        self._registry.create_joined(
            key,
            pid=process.pid,
            process_start=start,
            nonce=announced.nonce,
            boot_id=announced.boot,
            julia_version=announced.julia,
            started=_began(process.pid),
            **_facts(announced),
        )
        session = JoinedSession(key, self._services)
        self._sessions.add(session)
        live = session.take_charge(process)
        live.pong = pong
        self._registry.apply(
            key, Event.ANSWERED, f"process {process.pid} joined", ready=time.time()
        )
        session.opened(announced.boot)
        # The REPL may have been taken back in the meantime.
        self._again_later(key)


def _facts(announced: Announcement) -> dict[str, Any]:
    """Return those fields of an announcement that may change."""
    return {
        "project": os.path.realpath(announced.project),
        "name": announced.name,
        "namespace": announced.namespace,
        "allow_restart": announced.allow_restart,
        "allow_mirror": announced.allow_mirror,
    }


def _owner(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).uids().real)
    except psutil.Error:
        return None


def _began(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return time.time()

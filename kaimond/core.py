"""The parts of a running daemon, gathered for the code that serves clients."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from pathlib import Path

    from kaimond.config.settings import Settings
    from kaimond.events import Bus
    from kaimond.paths import Paths
    from kaimond.store.database import Store
    from kaimond.supervisor.supervisor import Supervisor


@dataclass
class Agent:
    """One MCP client connection.

    Attributes:
        id: 16 hex characters; the same for the life of the shim's process.
        pid: the shim's process id.
        cwd: the shim's working directory, a hint for the agent's project.
        project_dir: the project directory that the client has set in its environment, if it has.
        since: when it connected, in seconds since the epoch.
        shim: the version of its kaimon-mcp.
        client: the MCP client's own name, once it has given it; `version` likewise.
        replay: ids of the requests that it sends again because the connection broke.
        roots: the directories that the client works in, once it was asked; None before.
        own_project: the project that it works in, with the state of which that was true; None if it
            is not known.
        opened: keys of the sessions that it got from start_session.
        asked: questions that its user is asked now, by their keys.
        declined: questions that its user has declined; they are not asked again.
    """

    id: str
    pid: int
    cwd: str
    since: float
    shim: str = ""
    client: str = ""
    version: str = ""
    replay: set[str] = field(default_factory=set)
    project_dir: str = ""
    roots: tuple[str, ...] | None = None
    own_project: tuple[object, Path] | None = None
    opened: set[str] = field(default_factory=set)
    asked: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)

    @property
    def short(self) -> str:
        """The first characters of the id, enough for logs and people."""
        return self.id[:8]


@dataclass
class Core:
    """A running daemon.

    Attributes:
        paths: the daemon's files and directories.
        settings: the settings as read at start.
        store: the database.
        supervisor: the owner of all sessions.
        bus: the bus on which events are published.
        stopping: set when the daemon is asked to end.
        end_asked: whether a signal asked for the end, even while a successor takes over.
        reloading: whether the daemon ends only to execute itself anew.
        upgrade: the check that precedes a reload, once somebody has asked for one.
        started: the start time, in seconds since the epoch.
        instance: a random name of this run of the program; after an upgrade it is another.
        problems: what was wrong in the configuration.
        agents: the MCP clients that are connected now, by connection.
    """

    paths: Paths
    settings: Settings
    store: Store
    supervisor: Supervisor
    bus: Bus
    stopping: asyncio.Event
    end_asked: bool = False
    reloading: bool = False
    upgrade: asyncio.Task[str] | None = None
    started: float = field(default_factory=time.time)
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    problems: tuple[str, ...] = ()
    agents: dict[int, Agent] = field(default_factory=dict)

    def remember_call(self, agent: str, request: str, started: Mapping[str, Any]) -> None:
        """Record in the journal what a request starts."""
        self.store.save_call(agent, request, time.time(), dict(started))

"""What happens in the daemon, told to whoever subscribes.

An event is plain data about something that has happened, so it can also be sent to a client. Calls
go down from one part to the next; what a part must tell those above it is published here. Events
arrive in the order in which they were published, before `Bus.publish` returns.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("kaimond.events")

_E = TypeVar("_E", bound="Event")


@dataclass(frozen=True)
class Event:
    """Something that has happened.

    Attributes:
        name: of this kind of event, for clients.
    """

    name: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data: its name as ``event``, and its fields."""
        return {"event": self.name, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class SessionChanged(Event):
    """A session was born, changed its state or got other facts.

    Attributes:
        session: its key.
        project: its directory.
        title: for people.
        state: it is in now.
        generation: of its process image.
    """

    name: ClassVar[str] = "session-changed"
    session: str
    project: str
    title: str
    state: str
    generation: int


@dataclass(frozen=True)
class SessionToolsChanged(Event):
    """A session offers other tools of its own than before.

    Attributes:
        session: its key.
    """

    name: ClassVar[str] = "session-tools-changed"
    session: str


@dataclass(frozen=True)
class EvalQueued(Event):
    """An eval was submitted.

    Attributes:
        session: key of its session.
        eval: its id.
        agent: who asked for it.
        code: that is to be evaluated.
    """

    name: ClassVar[str] = "eval-queued"
    session: str
    eval: str
    agent: str
    code: str


@dataclass(frozen=True)
class EvalBegan(Event):
    """An eval was handed to its session.

    Attributes:
        session: key of its session.
        eval: its id.
    """

    name: ClassVar[str] = "eval-began"
    session: str
    eval: str


@dataclass(frozen=True)
class EvalEnded(Event):
    """An eval has ended.

    Attributes:
        session: key of its session.
        eval: its id.
        agent: who asked for it.
        status: ``done``, ``failed``, ``interrupted`` or ``lost``.
        elapsed: seconds of evaluation.
        output: bytes that it printed.
    """

    name: ClassVar[str] = "eval-ended"
    session: str
    eval: str
    agent: str
    status: str
    elapsed: float
    output: int


@dataclass(frozen=True)
class SourceStale(Event):
    """A session computes with older source than the disk has.

    Attributes:
        session: its key.
        files: paths of the files that it did not take up.
    """

    name: ClassVar[str] = "source-stale"
    session: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class TerminalOpened(Event):
    """A person has attached a terminal to a session.

    Attributes:
        session: its key.
        terminal: its id.
    """

    name: ClassVar[str] = "terminal-opened"
    session: str
    terminal: str


@dataclass(frozen=True)
class TerminalClosed(Event):
    """A terminal is attached no more.

    Attributes:
        session: its key.
        terminal: its id.
    """

    name: ClassVar[str] = "terminal-closed"
    session: str
    terminal: str


@dataclass(frozen=True)
class AgentCame(Event):
    """An MCP client has connected.

    Attributes:
        agent: its id.
        cwd: directory that it works in.
    """

    name: ClassVar[str] = "agent-came"
    agent: str
    cwd: str


@dataclass(frozen=True)
class AgentWent(Event):
    """An MCP client has gone.

    Attributes:
        agent: its id.
    """

    name: ClassVar[str] = "agent-went"
    agent: str


ALL: Final[tuple[type[Event], ...]] = (
    SessionChanged,
    SessionToolsChanged,
    EvalQueued,
    EvalBegan,
    EvalEnded,
    SourceStale,
    TerminalOpened,
    TerminalClosed,
    AgentCame,
    AgentWent,
)
"""Every kind of event."""


class Bus:
    """Passes each event on to those who have subscribed to its kind."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[_E], handler: Callable[[_E], None]) -> Callable[[], None]:
        """Have ``handler`` called with every event of a kind; return what ends that."""
        handlers = self._handlers.setdefault(kind, [])
        handlers.append(handler)

        def unsubscribe() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tell everybody who has subscribed. A handler that fails is logged and harms nobody."""
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - who publishes must not suffer from who listens
                _log.exception("handling %s failed", event.name)

"""The events that happen in the daemon, and the bus that passes them to subscribers.

An event is plain data about something that has happened, so it can also be sent to a client. Calls
go down from layer to layer; what a part must tell the layers above it is published here.
Subscribers get events in the order of publication, before `Bus.publish` returns.
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
        name: the name of this kind of event, for clients.
    """

    name: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain data: the event's name as ``event``, and its fields."""
        return {"event": self.name, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class SessionChanged(Event):
    """A session was created, or its state or other facts changed.

    Attributes:
        session: its key.
        project: its project's directory.
        title: its title, for people.
        state: its present state.
        generation: the generation of its process image.
    """

    name: ClassVar[str] = "session-changed"
    session: str
    project: str
    title: str
    state: str
    generation: int


@dataclass(frozen=True)
class SessionToolsChanged(Event):
    """The list of tools that a session's code offers has changed.

    Attributes:
        session: its key.
    """

    name: ClassVar[str] = "session-tools-changed"
    session: str


@dataclass(frozen=True)
class EvalQueued(Event):
    """An eval was submitted.

    Attributes:
        session: the key of its session.
        eval: its id.
        agent: who submitted it.
        code: the code to be evaluated.
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
        session: the key of its session.
        eval: its id.
    """

    name: ClassVar[str] = "eval-began"
    session: str
    eval: str


@dataclass(frozen=True)
class EvalPrinted(Event):
    """The output of a running eval has grown.

    It is looked at a few times a second, and only while somebody subscribes to this event. What was
    printed after the last of these events is told by `EvalEnded.output`.

    Attributes:
        session: the key of its session.
        eval: its id.
        bytes: the size of its output so far.
    """

    name: ClassVar[str] = "eval-printed"
    session: str
    eval: str
    bytes: int


@dataclass(frozen=True)
class EvalEnded(Event):
    """An eval has ended.

    Attributes:
        session: the key of its session.
        eval: its id.
        agent: who submitted it.
        status: ``done``, ``failed``, ``interrupted`` or ``lost``.
        elapsed: how long it was evaluated, in seconds.
        output: the size of its output in bytes.
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
    """A session runs older source than is on disk.

    Attributes:
        session: its key.
        files: the paths of the files whose changes it has not loaded.
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
    """A terminal is no longer attached to a session.

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
        cwd: its working directory.
    """

    name: ClassVar[str] = "agent-came"
    agent: str
    cwd: str


@dataclass(frozen=True)
class AgentWent(Event):
    """An MCP client has disconnected.

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
    EvalPrinted,
    EvalEnded,
    SourceStale,
    TerminalOpened,
    TerminalClosed,
    AgentCame,
    AgentWent,
)
"""Every kind of event."""


class Bus:
    """A bus that passes each event to the subscribers of its kind."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = {}
        self._wanted: dict[type[Event], Callable[[], None]] = {}

    def subscribe(self, kind: type[_E], handler: Callable[[_E], None]) -> Callable[[], None]:
        """Call ``handler`` with every event of a kind; return a function that ends that."""
        handlers = self._handlers.setdefault(kind, [])
        handlers.append(handler)
        if kind in self._wanted:
            self._wanted[kind]()

        def unsubscribe() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return unsubscribe

    def wanted(self, kind: type[Event]) -> bool:
        """Return whether anybody subscribes to a kind."""
        return bool(self._handlers.get(kind))

    def when_wanted(self, kind: type[Event], action: Callable[[], None]) -> None:
        """Call ``action`` whenever somebody subscribes to a kind.

        For events that have to be looked for, which costs something. A kind has one such action.
        """
        self._wanted[kind] = action

    def publish(self, event: Event) -> None:
        """Pass an event to its subscribers. A failing handler is logged; the others still run."""
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - who publishes must not suffer from who listens
                _log.exception("handling %s failed", event.name)

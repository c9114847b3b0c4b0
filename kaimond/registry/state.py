"""The life of a session, as data.

Everything that decides which state follows which is in this file; it imports nothing of ours, does
no I/O and knows no clock. A session is born ``starting`` and ends ``stopped`` (it was asked to) or
``crashed`` (it was not). Between those, the registry moves it along `TRANSITIONS` and nothing else
may: a pair that is not in the table is a bug of ours and raises.

How *well* a session is (answering, busy, mute, frozen) is not a state but a measurement, taken when
somebody asks; see ``kaimond.julia_process.health``. A bad measurement never ends a session: only
the proved exit of its process does.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where a session is in its life."""

    STARTING = "starting"
    """A process was asked for; its gate has not answered yet."""
    READY = "ready"
    """The gate has answered and nothing is being evaluated."""
    BUSY = "busy"
    """An eval runs."""
    RESTARTING = "restarting"
    """The old process image is being replaced; the key stays."""
    STOPPING = "stopping"
    """Somebody asked for the end; the process is not gone yet."""
    STOPPED = "stopped"
    """The process is gone, as asked; or a person's REPL is no session any more."""
    CRASHED = "crashed"
    """The process is gone, or never came up, and nobody asked for that."""


class Event(StrEnum):
    """What can happen to a session."""

    ANSWERED = "answered"
    """The gate of the expected process image answered."""
    EVAL_BEGAN = "eval began"
    EVALS_ENDED = "evals ended"
    RESTART = "restart asked"
    SPAWNED = "spawned"
    """A restart has replaced the process image."""
    STOP = "stop asked"
    EXITED = "exited"
    """The process is proved to be gone."""
    LEFT = "left"
    """A person took their REPL back, or ended it in order."""


TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        State.STARTING: {
            Event.ANSWERED: State.READY,
            Event.STOP: State.STOPPING,
            Event.EXITED: State.CRASHED,
            Event.LEFT: State.STOPPED,
        },
        State.READY: {
            Event.EVAL_BEGAN: State.BUSY,
            Event.RESTART: State.RESTARTING,
            Event.STOP: State.STOPPING,
            Event.EXITED: State.CRASHED,
            Event.LEFT: State.STOPPED,
        },
        State.BUSY: {
            Event.EVALS_ENDED: State.READY,
            Event.RESTART: State.RESTARTING,
            Event.STOP: State.STOPPING,
            Event.EXITED: State.CRASHED,
            Event.LEFT: State.STOPPED,
        },
        State.RESTARTING: {
            Event.SPAWNED: State.STARTING,
            Event.STOP: State.STOPPING,
            Event.EXITED: State.CRASHED,
            Event.LEFT: State.STOPPED,
        },
        State.STOPPING: {Event.EXITED: State.STOPPED},
        State.STOPPED: {},
        State.CRASHED: {},
    }
)

LIVE: Final = frozenset({State.STARTING, State.READY, State.BUSY, State.RESTARTING, State.STOPPING})
"""States of a session that has, or is about to have, a process."""

ENDED: Final = frozenset({State.STOPPED, State.CRASHED})
"""States that no event leaves. A key that reaches one is never used again."""

USABLE: Final = frozenset({State.READY, State.BUSY})
"""States in which a session takes evals."""


class IllegalTransitionError(Exception):
    """An event that cannot happen in a state; always a bug of ours."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event.value!r} cannot happen to a session that is {state}")
        self.state = state
        self.event = event


def step(state: State, event: Event) -> State:
    """The state after ``event``.

    Raises:
        IllegalTransitionError: the table has no such pair.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None

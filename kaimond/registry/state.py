"""The states of a session and their transitions, as data.

This file alone decides which state follows which; it imports nothing of ours, does no I/O and uses
no clock. A session begins as ``starting`` and ends as ``stopped`` (on request) or ``crashed``
(otherwise). In between, only the registry changes its state, along `TRANSITIONS`: a pair that is
not in the table is a bug of ours and raises an error.

A session's *health* (answering, busy, mute, frozen) is not a state but a measurement, taken on
request; see ``kaimond.julia_process.health``. A bad measurement never ends a session: only the
proved exit of its process does.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """A session's state."""

    STARTING = "starting"
    """A process was requested; its gate has not answered yet."""
    READY = "ready"
    """The gate has answered and nothing is being evaluated."""
    BUSY = "busy"
    """An eval is running."""
    RESTARTING = "restarting"
    """The old process image is being replaced; the key stays."""
    STOPPING = "stopping"
    """The end was requested; the process is not gone yet."""
    STOPPED = "stopped"
    """The process is gone as requested, or a person's REPL is no longer a session."""
    CRASHED = "crashed"
    """The process is gone, or never started properly, without a request."""


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
    """A person took the REPL back, or ended it in an orderly way."""


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
"""States of a session that has a process or is about to have one."""

ENDED: Final = frozenset({State.STOPPED, State.CRASHED})
"""Final states. A key that reaches one is never used again."""

USABLE: Final = frozenset({State.READY, State.BUSY})
"""States in which a session accepts evals."""


class IllegalTransitionError(Exception):
    """An event that is impossible in the current state; always a bug of ours."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event.value!r} cannot happen to a session that is {state}")
        self.state = state
        self.event = event


def step(state: State, event: Event) -> State:
    """Return the state after ``event``.

    Raises:
        IllegalTransitionError: the table has no such pair.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None

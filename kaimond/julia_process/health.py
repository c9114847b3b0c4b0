"""Session health: measured on request, and reported as measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kaimond.registry.state import State


class Word(StrEnum):
    """The kinds of health."""

    OK = "ok"
    BUSY = "busy"
    """The transport is up and an eval is running."""
    MUTE = "mute"
    """The transport is up and nothing runs, yet an eval could not begin: the gate does not answer,
    or something else computes on the thread that evaluates."""
    FROZEN = "frozen"
    """The process exists, but the transport is down: the process is stopped or starved."""
    NONE = "none"
    """There is nothing to measure: the session is starting or has ended."""


@dataclass(frozen=True)
class Seen:
    """Measurements of a live session.

    Attributes:
        transport_up: whether the ZMQ handshake holds.
        transport_for: seconds since `transport_up` last changed.
        evaluating_for: seconds that the current eval has been running, None if none runs.
        answered: whether the gate answered a ping; None if it was not asked.
        silent: whether the main thread computes without an eval, and another thread answered.
    """

    transport_up: bool
    transport_for: float
    evaluating_for: float | None
    answered: bool | None
    silent: bool = False


@dataclass(frozen=True)
class Health:
    """The result: a word for programs and a phrase for people."""

    word: Word
    text: str


def judge(state: State, seen: Seen | None) -> Health:
    """Return what the measurements mean for a session in ``state``."""
    if seen is None or state not in (State.READY, State.BUSY):
        return Health(Word.NONE, str(state))
    if not seen.transport_up:
        return Health(
            Word.FROZEN,
            f"frozen: the process exists but has not answered for {seen.transport_for:.0f} s",
        )
    if seen.evaluating_for is not None:
        doubt = ", and its gate does not answer meanwhile" if seen.answered is False else ""
        return Health(Word.BUSY, f"busy for {seen.evaluating_for:.0f} s{doubt}")
    if seen.answered is False:
        return Health(Word.MUTE, "mute: idle, but its gate does not answer")
    if seen.silent:
        return Health(
            Word.MUTE,
            "mute: no eval runs, but something else computes on its main thread (code of its "
            "person, or a background task), and evals would wait for it",
        )
    return Health(Word.OK, "ok")

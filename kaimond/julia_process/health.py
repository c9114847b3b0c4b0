"""How well a session is: measured when somebody asks, told as it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kaimond.registry.state import State


class Word(StrEnum):
    """The kinds of health."""

    OK = "ok"
    BUSY = "busy"
    """The transport is alive and an eval runs."""
    MUTE = "mute"
    """The transport is alive and nothing runs, and yet an eval could not begin: the gate does not
    answer, or something else computes on the thread that evaluates."""
    FROZEN = "frozen"
    """The process exists, but its transport is lost: it was stopped, or is starved."""
    NONE = "none"
    """There is nothing to measure: it starts, or it has ended."""


@dataclass(frozen=True)
class Seen:
    """What was measured of a living session.

    Attributes:
        transport_up: ZMQ handshake holds.
        transport_for: seconds since that last changed.
        evaluating_for: seconds that the running eval runs, None if none runs.
        answered: whether the gate answered a ping; None if it was not asked.
        silent: whether it answered only for its main thread, which computes although no eval runs.
    """

    transport_up: bool
    transport_for: float
    evaluating_for: float | None
    answered: bool | None
    silent: bool = False


@dataclass(frozen=True)
class Health:
    """The judgement: a word for programs and a phrase for people."""

    word: Word
    text: str


def judge(state: State, seen: Seen | None) -> Health:
    """What measurements mean for a session in ``state``."""
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

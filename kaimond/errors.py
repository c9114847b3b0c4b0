"""What can keep a session from doing what it was asked to."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "bad-path",
    "busy",
    "ended-session",
    "ending",
    "gate-protocol",
    "launch",
    "lost",
    "no-julia",
    "no-session",
    "no-terminal",
    "not-allowed",
    "not-gone",
    "not-ready",
    "not-reloaded",
    "not-revised",
    "own-terminal",
    "queue-full",
    "replaced",
    "restart-failed",
    "restart-not-allowed",
    "start-ended",
    "start-failed",
    "unknown-session",
    "which-session",
]
"""Words for programs."""


class SessionError(Exception):
    """Says what happened, what is true now and what to do next, in sentences for the asker.

    Attributes:
        kind: a word for programs.
        message: the sentences.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

"""What can keep a session from doing what it was asked to."""

from __future__ import annotations


class SessionError(Exception):
    """Says what happened, what is true now and what to do next, in sentences for the asker.

    Attributes:
        kind: a word for programs: ``bad-path``, ``not-allowed``, ``no-julia``, ``launch``,
            ``start-failed``, ``start-ended``, ``no-session``, ``which-session``,
            ``unknown-session``, ``ended-session``, ``restart-not-allowed``, ``restart-failed``,
            ``gate-protocol``, ``replaced`` or ``not-gone``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

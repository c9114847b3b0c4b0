"""The errors that kaimond raises on purpose. `kaimond.failure` decides how they are reported."""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """The kinds of error, as words for programs."""

    BAD_PATH = "bad-path"
    BUSY = "busy"
    ENDED_SESSION = "ended-session"
    ENDING = "ending"
    GATE_PROTOCOL = "gate-protocol"
    INTERNAL = "internal"
    INTERRUPTED = "interrupted"
    LAUNCH = "launch"
    LOST = "lost"
    NO_EVAL = "no-eval"
    NO_JULIA = "no-julia"
    NO_SESSION = "no-session"
    NO_TERMINAL = "no-terminal"
    NOT_ALLOWED = "not-allowed"
    NOT_GONE = "not-gone"
    NOT_READY = "not-ready"
    NOT_RELOADED = "not-reloaded"
    NOT_REVISED = "not-revised"
    OWN_TERMINAL = "own-terminal"
    QUEUE_FULL = "queue-full"
    REFUSED = "refused"
    REPLACED = "replaced"
    RESTART_FAILED = "restart-failed"
    RESTART_NOT_ALLOWED = "restart-not-allowed"
    START_ENDED = "start-ended"
    START_FAILED = "start-failed"
    SYSTEM = "system"
    UNKNOWN_SESSION = "unknown-session"
    UNSAFE_DIRECTORY = "unsafe-directory"
    WHICH_SESSION = "which-session"


class KaimonError(Exception):
    """The base class of kaimond's errors.

    Attributes:
        kind: the kind of error, for programs. As long as it is ``INTERNAL``, the text is for the
            code that handles the error; otherwise it is whole sentences for an agent or a user of
            kaimonctl, which say what happened, what is true now and what to do next.
    """

    kind: ErrorKind = ErrorKind.INTERNAL


class SessionError(KaimonError):
    """An error about a session that cannot do what it was asked to do.

    Args:
        kind: the kind of error, for programs.
        message: whole sentences.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

"""How errors are reported, to agents and to users of kaimonctl alike."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from kaimond.errors import ErrorKind, KaimonError
from kaimond.runtime import UnsafeDirectoryError


@dataclass(frozen=True)
class Failure:
    """The report of an error.

    Attributes:
        kind: the kind of error, for programs.
        message: whole sentences for people.
        logged: whether the cause must go to the log, because the message leaves it out.
    """

    kind: ErrorKind
    message: str
    logged: bool


def told(error: Exception, what: str, look: str, log: object) -> Failure:
    """Return the report of an error, for an agent or a user of kaimonctl.

    Args:
        error: any exception.
        what: what could not be done, as the subject of a sentence.
        look: what shows the present state, as the subject of a sentence.
        log: the path of the server log.
    """
    if isinstance(error, KaimonError) and error.kind is not ErrorKind.INTERNAL:
        return Failure(error.kind, str(error), logged=False)
    if isinstance(error, UnsafeDirectoryError):
        return Failure(ErrorKind.UNSAFE_DIRECTORY, str(error), logged=False)
    if isinstance(error, OSError | sqlite3.Error):
        return Failure(
            ErrorKind.SYSTEM,
            f"{what} could not be done, because the machine refused something that kaimond needs: "
            f"{error}. {look} shows what is true now. Mend that (free space, if the disk is full) "
            "and try again.",
            logged=True,
        )
    return Failure(
        ErrorKind.INTERNAL,
        f"{what} failed inside kaimond; this is a bug of ours. What it had begun may or may not be "
        f"done: {look} shows what is true now. The cause is in {log}.",
        logged=True,
    )

"""How a command of ``kaimonctl`` fails."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the program's exit code means; as in the Linux Standard Base where it has a word."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    UNKNOWN = 4
    INTERRUPTED = 130


class CtlError(Exception):
    """A command ends here; the text is for people, the code for programs."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code

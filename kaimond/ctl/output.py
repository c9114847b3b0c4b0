"""What a command gives back: data on stdout, messages on stderr, and an exit code."""

from __future__ import annotations

import json
import sys
from enum import IntEnum

from kaimond.errors import KaimonError


class ExitCode(IntEnum):
    """What the program's exit code means; as in the Linux Standard Base where it has a word."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    UNKNOWN = 4
    INTERRUPTED = 130


class CtlError(KaimonError):
    """A command ends here; the text is for people, the code for programs."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Print a line of data."""
    sys.stdout.write(text + "\n")


def say_json(data: object) -> None:
    """Print data for programs, on one line."""
    say(json.dumps(data))


def remark(text: str) -> None:
    """Tell a person something that is not data."""
    sys.stderr.write(f"kaimonctl: {text}\n")

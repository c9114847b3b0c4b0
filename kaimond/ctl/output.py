"""The output of a command: data on stdout, messages on stderr, and an exit code."""

from __future__ import annotations

import json
import sys
from enum import IntEnum

from kaimond.errors import KaimonError


class ExitCode(IntEnum):
    """The program's exit codes; those that the Linux Standard Base defines have its meaning."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    UNKNOWN = 4
    INTERRUPTED = 130


class CtlError(KaimonError):
    """The command failed; the message is for people, the code for programs."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Print a line of data."""
    sys.stdout.write(text + "\n")


def say_json(data: object) -> None:
    """Print data for programs, as JSON on one line."""
    say(json.dumps(data))


def remark(text: str) -> None:
    """Print a message for people that is not data."""
    sys.stderr.write(f"kaimonctl: {text}\n")

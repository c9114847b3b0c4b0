"""What a command prints: data on stdout, messages on stderr."""

from __future__ import annotations

import json
import sys


def say(text: str) -> None:
    """Print a line of data."""
    sys.stdout.write(text + "\n")


def say_json(data: object) -> None:
    """Print data for programs, on one line."""
    say(json.dumps(data))


def remark(text: str) -> None:
    """Tell a person something that is not data."""
    sys.stderr.write(f"kaimonctl: {text}\n")

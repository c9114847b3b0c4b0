"""Interrupt what a session evaluates; the session and its state stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.output import ExitCode, say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl interrupt 1a2b3c4d"

LIMIT: Final = 60.0
"""Seconds; the ladder itself tries for half of that where the machine is under load."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("session", metavar="KEY", help="the session's key")


def run(options: argparse.Namespace) -> int:
    """Ask, and tell what came of it."""
    with client.connect() as daemon:
        answer = daemon.call("interrupt", LIMIT, session=options.session)
    say(render.escape(answer.get("text", "")))
    return ExitCode.FAILED if answer.get("outcome") == "stubborn" else ExitCode.DONE

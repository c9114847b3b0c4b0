"""Interrupt what a session evaluates; the session and its state stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import chosen_session, client, render
from kaimond.ctl.output import ExitCode, say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl interrupt 1a2b"

LIMIT: Final = 60.0
"""Seconds; on a loaded machine, the interrupt itself takes up to half of that."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    chosen_session.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Interrupt the session's eval and print the outcome."""
    with client.connect() as daemon:
        key = chosen_session.choose(daemon, options.session, careful=True)
        answer = daemon.call("interrupt", LIMIT, session=key)
    say(render.escape(answer.get("text", "")))
    return ExitCode.FAILED if answer.get("outcome") == "stubborn" else ExitCode.DONE

"""End a session; its key is never used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl shutdown 1a2b3c4d"

LIMIT: Final = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("session", metavar="KEY", help="the session's key")


def run(options: argparse.Namespace) -> int:
    """End the session, and wait until its process is gone."""
    with client.connect() as daemon:
        answer = daemon.call("shutdown", LIMIT, session=options.session)
    say(render.escape(answer.get("text", "")))
    return 0

"""Give a session a fresh Julia under the same key; its variables are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.commands.start import LIMIT
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl restart 1a2b3c4d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("session", metavar="KEY", help="the session's key")


def run(options: argparse.Namespace) -> int:
    """Restart the session, and wait until it is ready."""
    with client.connect() as daemon:
        answer = daemon.call("restart", LIMIT, session=options.session)
    say(render.escape(answer.get("text", "")))
    return 0

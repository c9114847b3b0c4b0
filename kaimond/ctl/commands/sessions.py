"""List the sessions, one a line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.output import say, say_json

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl sessions --all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--all", action="store_true", help="also those that ended in the last 30 days"
    )
    parser.add_argument("--json", action="store_true", help="print the daemon's own answer")


def run(options: argparse.Namespace) -> int:
    """Print the daemon's sessions."""
    with client.connect() as daemon:
        answer = daemon.call("sessions", ended=options.all)
    if options.json:
        say_json(answer)
    elif answer.get("sessions"):
        say(render.sessions(answer["sessions"], render.Style.of(sys.stdout)))
    else:
        say("no sessions")
    return 0

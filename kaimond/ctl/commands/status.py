"""Tell whether the daemon is up, and what runs.

Exit code 0: it is up; 3: it does not run; 4: it is there but does not answer sensibly.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.output import say, say_json

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl status --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the daemon's own answer")


def run(options: argparse.Namespace) -> int:
    """Print the daemon's status."""
    with client.connect() as daemon:
        facts = daemon.call("status")
    if options.json:
        say_json(facts)
    else:
        say(render.status(facts, render.Style.of(sys.stdout)))
    return 0

"""Start a session for a project, or find the one that runs; starts the daemon if need be.

The project must be allowed: kaimonctl project allow PATH.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl start ~/MyPkg"

LIMIT: Final = 1800.0
"""Seconds; the daemon's own deadlines are shorter, and installing packages takes long."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        default=".",
        help="directory of the Julia project, or one within it (default: the current one)",
    )
    parser.add_argument("--name", default="", help="a second, independent session of the project")


def run(options: argparse.Namespace) -> int:
    """Start the session, and wait until it is ready."""
    # The daemon has another working directory, and resolves links itself.
    path = os.path.abspath(options.path)  # noqa: PTH100 - Path.absolute keeps "..", resolve follows
    with client.connect_or_start() as daemon:
        answer = daemon.call("start", LIMIT, path=path, name=options.name)
    say(render.escape(answer.get("text", "")))
    return 0

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
"""Seconds; the daemon has its own, shorter deadlines, and installing packages takes its time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("path", metavar="PATH", help="directory of the Julia project")
    parser.add_argument("--name", default="", help="a second, independent session of the project")


def run(options: argparse.Namespace) -> int:
    """Ask, and wait until the session is ready."""
    # The daemon lives in another directory, and links are its business.
    path = os.path.abspath(options.path)  # noqa: PTH100 - Path.absolute keeps "..", resolve follows
    with client.connect_or_start() as daemon:
        answer = daemon.call("start", LIMIT, path=path, name=options.name)
    say(render.escape(answer.get("text", "")))
    return 0

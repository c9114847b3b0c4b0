"""End a session; its key is never used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import chosen_session, client, render
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl shutdown 1a2b"

LIMIT: Final = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    chosen_session.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """End the session, and wait until its process is gone."""
    with client.connect() as daemon:
        key = chosen_session.choose(daemon, options.session, careful=True)
        answer = daemon.call("shutdown", LIMIT, session=key)
    say(render.escape(answer.get("text", "")))
    return 0

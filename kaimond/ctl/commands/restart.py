"""Give a session a fresh Julia under the same key; its variables are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import chosen_session, client, render
from kaimond.ctl.commands.start import LIMIT
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl restart 1a2b"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    chosen_session.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Restart the session, and wait until it is ready."""
    with client.connect() as daemon:
        key = chosen_session.choose(daemon, options.session, careful=True)
        answer = daemon.call("restart", LIMIT, session=key)
    say(render.escape(answer.get("text", "")))
    return 0

"""Have a session read all its source files again and take up what changed.

Exit code 0: it runs what is on the disk; 1: some file is not current, or the preference revise is
off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import chosen_session, client, render
from kaimond.ctl.output import ExitCode, say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl revise 1a2b"

LIMIT: Final = 600.0
"""Seconds; the request waits until the session's evals are done."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    chosen_session.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Have the session read its source again and print the outcome."""
    with client.connect() as daemon:
        key = chosen_session.choose(daemon, options.session)
        answer = daemon.call("revise", LIMIT, session=key)
    say(render.escape_lines(str(answer.get("text", ""))))
    source = answer.get("source")
    differs = isinstance(source, dict) and any(map(source.get, ("stale", "changed", "off")))
    return ExitCode.FAILED if differs else ExitCode.DONE

"""End the daemon and its sessions; the next request of an agent starts a new daemon."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.failure import ExitCode
from kaimond.ctl.output import say

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl stop"

LIMIT: Final = 120.0


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(_options: argparse.Namespace) -> int:
    """Ask, and wait until the daemon is gone."""
    with client.connect() as daemon:
        pid = daemon.call("version").get("pid")
        answer = daemon.call("stop", LIMIT)
        say(render.escape(answer.get("text", "")))
        # Ending takes a while; whoever waits should know for what.
        sys.stdout.flush()
        daemon.wait_for_end(pid, LIMIT)
    say("kaimond has ended.")
    return ExitCode.FAILED if answer.get("failures") else ExitCode.DONE

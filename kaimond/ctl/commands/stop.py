"""End the daemon and its sessions; the next request of an agent starts a new daemon."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, ending, render
from kaimond.ctl.client import SkewedDaemonError
from kaimond.ctl.output import ExitCode, remark, say

if TYPE_CHECKING:
    import argparse

    from kaimond.ctl.client import Client

EXAMPLE: Final = "kaimonctl stop"

LIMIT: Final = 120.0


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the command has none."""


def run(_options: argparse.Namespace) -> int:
    """Stop the daemon, and wait until it is gone."""
    try:
        return _stop(client.connect())
    except SkewedDaemonError as skew:
        from kaimond.ctl import skewed  # noqa: PLC0415 - seldom needed

        remark(f"{render.escape(skew)} It is ended by a signal now.")
        skewed.stop(skew, LIMIT)
    say("kaimond has ended.")
    return ExitCode.DONE


def _stop(connection: Client) -> int:
    with connection as daemon:
        pid = daemon.call("version").get("pid")
        answer = daemon.call("stop", LIMIT)
        say(render.escape(answer.get("text", "")))
        # Ending takes a while, and the person should see what is being waited for.
        sys.stdout.flush()
        daemon.wait_until_closed(LIMIT)
    ending.wait_for_end(pid, LIMIT)
    say("kaimond has ended.")
    return ExitCode.FAILED if answer.get("failures") else ExitCode.DONE

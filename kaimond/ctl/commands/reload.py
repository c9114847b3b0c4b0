"""Have the installed kaimond take over from the running one; sessions and agents notice nothing.

Use it after an upgrade. If the installed version cannot start, the running one goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl import client, render
from kaimond.ctl.client import SkewedDaemonError
from kaimond.ctl.output import CtlError, ExitCode, remark, say

if TYPE_CHECKING:
    import argparse

    from kaimond.ctl.client import Client

EXAMPLE: Final = "kaimonctl reload"

LIMIT: Final = 90.0
"""Seconds for checking the installed version and replacing the daemon."""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the command has none."""


def run(_options: argparse.Namespace) -> int:
    """Request the reload, and wait until the successor answers."""
    try:
        return _reload(client.connect())
    except SkewedDaemonError as skew:
        from kaimond.ctl import skewed  # noqa: PLC0415 - seldom needed

        remark(f"{render.escape(skew)} It is asked by a signal now.")
        with skewed.reload(skew, LIMIT) as daemon:
            after = daemon.call("version", LIMIT)
        say(f"kaimond {render.escape(after['version'])} runs now (pid {after['pid']}).")
        return ExitCode.DONE


def _reload(connection: Client) -> int:
    with connection as daemon:
        before = daemon.call("version")
        say(render.escape(daemon.call("reload", LIMIT).get("text", "")))
        daemon.wait_until_closed(LIMIT)
    # The listening socket stays open, so this connection waits for the successor.
    with client.connect() as daemon:
        after = daemon.call("version", LIMIT)
    if after.get("instance") == before.get("instance"):
        raise CtlError(
            "the same kaimond still answers, so nothing was reloaded; kaimonctl log says why"
        )
    say(
        f"kaimond {render.escape(str(after['version']))} runs now (pid {after['pid']}), "
        f"after {render.escape(str(before['version']))}."
    )
    return ExitCode.DONE

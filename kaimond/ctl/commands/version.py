"""Tell the versions of kaimonctl and of the daemon, if one runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond import __version__
from kaimond.ctl import client, render
from kaimond.ctl.output import CtlError, ExitCode, say, say_json

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--json", action="store_true", help="both versions; the daemon's is null if none runs"
    )


def run(options: argparse.Namespace) -> int:
    """Print the versions; it is not a failure if no daemon is running."""
    theirs = _daemon()
    if options.json:
        say_json({"kaimonctl": __version__, "kaimond": theirs})
        return 0
    say(f"kaimonctl {__version__}")
    if theirs is None:
        say("kaimond is not running")
        return 0
    details = ", ".join(
        f"{name} {render.escape(theirs[key])}"
        for key, name in (
            ("protocol", "protocol"),
            ("pid", "process"),
            ("python", "Python"),
            ("libzmq", "libzmq"),
        )
        if key in theirs
    )
    say(f"kaimond   {render.escape(theirs.get('version', '?'))} ({details})")
    return 0


def _daemon() -> dict[str, Any] | None:
    try:
        with client.connect() as daemon:
            return daemon.call("version")
    except CtlError as error:
        if error.code is ExitCode.NOT_RUNNING:
            return None
        raise

"""From the command line to the one command that it names."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Final

from kaimond import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "status": "is the daemon up, and what runs",
    "sessions": "the sessions, one a line",
    "start": "start a session for a project, and the daemon if need be",
    "shutdown": "end a session",
    "interrupt": "interrupt what a session evaluates",
    "restart": "give a session a fresh Julia",
    "log": "the daemon's log, or a session's output",
    "project": "which projects agents may start: allow, deny, list",
    "reload": "have the installed kaimond take over; sessions stay",
    "prefs": "preferences of sessions by project: list, get, set, unset",
    "stop": "end the daemon and its sessions",
    "version": "versions of kaimonctl and of the daemon",
}
"""Each is a module of `kaimond.ctl.commands` with `EXAMPLE`, `add_arguments` and `run`."""


def run(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` name; return the exit code.

    Raises:
        CtlError: it failed.
        SystemExit: usage or help was printed.
    """
    options, rest = _split(arguments)
    module = importlib.import_module(f"kaimond.ctl.commands.{options.command}")
    parser = argparse.ArgumentParser(
        prog=f"kaimonctl {options.command}",
        description=str(module.__doc__),
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    code: int = module.run(parser.parse_args(rest))
    return code


def _split(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="kaimonctl",
        description="See and steer the Kaimon daemon and its Julia sessions.",
        epilog=f"commands:\n{listed}\n\nexample: kaimonctl status\n"
        "`kaimonctl COMMAND --help` tells more about one.",
        usage="kaimonctl [--help] [--version] COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kaimonctl {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="what to do")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    if not arguments:
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    options = parser.parse_args(arguments)
    return options, options.rest

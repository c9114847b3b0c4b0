"""Parses the command line and runs the one command that it names."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

from kaimond import __version__
from kaimond.ctl.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "status": "is the daemon up, and what runs",
    "sessions": "the sessions, one a line",
    "start": "start a session for a project, and the daemon if need be",
    "eval": "evaluate Julia code in the session of your project",
    "attach": "open the live REPL of a session in this terminal",
    "shutdown": "end a session",
    "interrupt": "interrupt what a session evaluates",
    "restart": "give a session a fresh Julia",
    "revise": "have a session read all its source files again",
    "log": "the daemon's log, or a session's output",
    "project": "which projects agents may start: allow, deny, approve, list",
    "mcp": "register Kaimon with an MCP client: install, list, remove",
    "skill": "have agents know when and how to use Kaimon: install, remove, show",
    "prefs": "preferences of sessions by project: list, get, set, unset",
    "config": "settings of the daemon: list, get, set, unset",
    "gate": "help `using Kaimon` to work in a Julia that you start: path, dev, doctor",
    "startup": "have a Julia that you start join by itself: install, remove, show",
    "service": "have the system start kaimond at login: install, status, stop, ...",
    "reload": "have the installed kaimond take over; sessions stay",
    "stop": "end the daemon and its sessions",
    "version": "versions of kaimonctl and of the daemon",
    "doctor": "what is wrong with this installation, and what helps",
    "bugreport": "all that helps to understand a fault, in one file",
    "completions": "completion of kaimonctl in bash, zsh or fish",
}
"""Each one is a module of `kaimond.ctl.commands` with `EXAMPLE`, `add_arguments` and `run`.

`EXAMPLE` holds one example per line; each must be a command line that can be parsed.
"""


def run(arguments: Sequence[str]) -> int:
    """Run the command named by ``arguments``; return the exit code.

    Raises:
        CtlError: the command failed.
        SystemExit: usage or help was printed.
    """
    if not arguments:
        top_parser().print_help(sys.stderr)
        raise SystemExit(2)
    if arguments[0] == "help":
        # People who do not know the program yet type this.
        arguments = [*arguments[1:], "--help"]
    top = top_parser()
    if arguments[0].startswith("-"):
        # argparse would report the missing command instead.
        top.check_option(arguments[0])
    options = top.parse_args(arguments)
    command = module(options.command)
    # Not `options.rest`, in which argparse leaves out a first "--".
    code: int = command.run(command_parser(options.command).parse_args(arguments[1:]))
    return code


def module(name: str) -> Any:
    """Import the module of the command ``name``."""
    return importlib.import_module(f"kaimond.ctl.commands.{name}")


def command_parser(name: str) -> Parser:
    """Return the parser for the arguments after the command ``name``."""
    command = module(name)
    parser = Parser(
        prog=f"kaimonctl {name}",
        description=str(command.__doc__),
        epilog=_examples(command.EXAMPLE),
    )
    command.add_arguments(parser)
    return parser


def top_parser() -> Parser:
    """Return the parser for everything up to the command's name."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="kaimonctl",
        description="See and steer the Kaimon daemon and its Julia sessions.",
        epilog=f"commands:\n{listed}\n\nexample: kaimonctl status\n"
        "`kaimonctl COMMAND --help` tells more about one.",
        usage="kaimonctl [--help] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"kaimonctl {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="what to do")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _examples(text: str) -> str:
    lines = text.splitlines()
    return f"example: {text}" if len(lines) == 1 else "examples:\n  " + "\n  ".join(lines)

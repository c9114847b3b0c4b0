"""Print the end of the daemon's log, or of what a session has written; needs no daemon."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.ctl import chosen_session, client, render, session_output
from kaimond.ctl.output import CtlError, ExitCode, remark, say, say_json
from kaimond.logs import read
from kaimond.logs.parse import LEVELS

if TYPE_CHECKING:
    from kaimond.logs.parse import Line

EXAMPLE: Final = "kaimonctl log -f --level warning\nkaimonctl log --session-output"

_COLOURS: Final = {"WARNING": "yellow", "ERROR": "red", "DEBUG": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument(
        "-n", "--lines", type=_count, default=50, metavar="N", help="how many (default: 50)"
    )
    parser.add_argument(
        "--level", type=str.upper, choices=LEVELS, metavar="LEVEL", help="debug ... error"
    )
    which = parser.add_mutually_exclusive_group()
    for name, what in (
        ("--session", "only what is about a session"),
        ("--session-output", "what a session itself has written"),
    ):
        which.add_argument(
            name,
            type=_key,
            nargs="?",
            const="",
            metavar="KEY",
            help=f"{what}; the beginning of its key will do, or none, as for attach",
        )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Print the last records of the server log, and follow it if asked to."""
    where = paths.resolve()
    log = _log_path(where)
    if options.session_output is not None:
        if options.level or options.json:
            raise CtlError("a session's output has no levels and is not JSON")
        key = _chosen(options.session_output, log)
        output = log.parent / "sessions" / f"{key}.log"
        session_output.show(output, options.lines, follow=options.follow)
        return 0
    if not log.exists():
        remark(f"{log} does not exist yet: no daemon has run, or its log is elsewhere.")
    session = None if options.session is None else _chosen(options.session, log)
    style = render.Style.of(sys.stdout)
    if options.follow:
        for line in read.follow(log, options.lines, options.level, session):
            _print(line, style, as_json=options.json)
            sys.stdout.flush()
        return 0
    for line in read.tail(log, options.lines, options.level, session):
        _print(line, style, as_json=options.json)
    return 0


def _chosen(begin: str, log: Path) -> str:
    """Return the key that is meant; without a daemon, by the logs that there are."""
    if chosen_session.is_whole(begin):
        return begin
    try:
        with client.connect() as daemon:
            return chosen_session.choose(daemon, begin, ended=True)
    except CtlError as error:
        if error.code is not ExitCode.NOT_RUNNING:
            raise
    found = sorted(file.stem for file in (log.parent / "sessions").glob(f"{begin}*.log"))
    if len(found) == 1:
        return found[0]
    raise CtlError(
        "kaimond is not running, so it cannot be asked which session is meant; give its key. "
        f"There are logs of: {', '.join(found) or 'none that begins so'}"
    )


def _print(line: Line, style: render.Style, *, as_json: bool) -> None:
    if as_json:
        say_json(line.as_dict())
        return
    for part in line.text.split("\n"):
        say(style.paint(render.escape(part), _COLOURS.get(line.level, "")))


def _log_path(where: paths.Paths) -> Path:
    """Return the log of the running daemon, or the one that a daemon would write."""
    try:
        return Path(json.loads(where.pid_file.read_text(encoding="utf-8"))["log"])
    except (OSError, ValueError, KeyError, TypeError):
        return where.server_log


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _key(text: str) -> str:
    # The text becomes part of a file name.
    if not re.fullmatch(r"[0-9a-f]{0,8}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a session key (8 hex characters) or the beginning of one"
        )
    return text

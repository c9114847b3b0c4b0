"""Evaluate Julia code in the session of the project that you are in; starts it if need be.

Output comes as it is printed; the value is shown as at the REPL, and a `;` at the end hides it. The
state stays, and is shared with agents. Errors, and what else is to be known, go to standard error.
^C interrupts the evaluation; a second one leaves it running. Evaluations of one session run one
after the other.

Exit code 0: done; 1: an error of Julia, or nothing was evaluated; 2: bad usage; 3: there is no
daemon, or none any more; 4: Julia ended first, or how it went is unknown; 130: interrupted, or left
by a second ^C.

With --json there is one object on standard output if code was evaluated: eval, session, project,
status (done, failed, interrupted, lost), elapsed (in seconds), value and type (null if hidden, or
nothing), shown (all that was displayed, and the value), images (type and bytes of each), error and
backtrace (null if there is none), stashed, output (of a long one, both ends), output_bytes and
notes (sentences, such as warnings of stale source).
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from typing import TYPE_CHECKING, Final

from kaimond.ctl import chosen_session
from kaimond.ctl.evaluation import Evaluation
from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = """\
kaimonctl eval '1 + 1'
kaimonctl eval -f scripts/hello.jl
kaimonctl eval --session 1a2b --json 'length(station)'
echo 'sum(1:10)' | kaimonctl eval -"""

MOST: Final = 4 * 2**20
"""Most bytes of code; a line of the control socket takes four times that."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "code", metavar="CODE", nargs="?", help="Julia code; - reads it from standard input"
    )
    what.add_argument(
        "-f", "--file", metavar="FILE", help="include a file; errors name it and its lines"
    )
    what.add_argument(
        "--follow",
        metavar="EVAL",
        help="no code, but an eval that goes on or has ended, by its id: its output and its end",
    )
    parser.add_argument(
        "--session",
        metavar="KEY",
        default="",
        help="the session's key, or the beginning of it; if left out, the session of the project "
        "that you are in, which is started if need be; elsewhere, the only one",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show the value")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object at the end, instead of output"
    )


def run(options: argparse.Namespace) -> int:
    """Evaluate, and return how that went as the exit code."""
    request = {
        "session": options.session,
        "cwd": chosen_session.directory(),
        "request": secrets.token_hex(8),
        "quiet": options.quiet,
    }
    if options.follow:
        request["follow"] = options.follow
    elif options.file is None:
        request["code"] = _decoded(sys.stdin.fileno()) if options.code == "-" else options.code
        request["pasted"] = True
    else:
        request["code"] = _of_file(options.file)
    return Evaluation(request, as_json=options.json).run()


def _of_file(name: str) -> str:
    """Return the code that includes a file, or the code in what is not a regular file."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                # A pipe, for example, which the session could not open.
                return _decoded(file.fileno())
    except OSError as error:
        raise _refused(f"{name} cannot be read: {error.strerror}.") from None
    # The session has another working directory.
    path = os.path.abspath(name)  # noqa: PTH100 - Path.absolute keeps "..", resolve follows
    try:
        path.encode()
    except UnicodeEncodeError:
        raise _refused(f"{name!a}: Julia takes no path that is not UTF-8.") from None
    quoted = json.dumps(path, ensure_ascii=False).replace("$", "\\$")
    return f"include({quoted})"


def _decoded(descriptor: int) -> str:
    """Return the code that can be read from a descriptor."""
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise _refused(f"That is more than {MOST} bytes of code; put it into a file for -f.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _refused(f"The code is not UTF-8 (byte {error.start + 1}).") from None


def _refused(why: str) -> CtlError:
    return CtlError(f"{why} Nothing was evaluated.", ExitCode.USAGE)

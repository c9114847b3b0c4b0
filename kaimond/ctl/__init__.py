"""``kaimonctl``: the command line with which a person observes and controls the daemon.

Each command is a file in `kaimond.ctl.commands` that is imported only when needed, so that every
command starts fast. Exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 the daemon is not
running, 4 its state is unknown, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    try:
        from kaimond.ctl import command_line  # noqa: PLC0415 - here ^C is quiet already

        code = command_line.run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except CtlError as error:
        return _fail(str(error), error.code)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe; the rest of the buffer must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.DONE
    except Exception as error:
        if os.environ.get("KAIMON_DEBUG"):
            raise
        return _fail(
            f"something unforeseen happened ({type(error).__name__}: {error}). What the command "
            "had begun may or may not be done; `kaimonctl status` tells. "
            "With KAIMON_DEBUG=1 it shows where.",
            ExitCode.FAILED,
        )
    return code


def _fail(message: str, code: ExitCode) -> int:
    from kaimond.ctl import render  # noqa: PLC0415 - only what fails waits for it

    # The message may contain file names and a session's last output.
    sys.stderr.write(f"kaimonctl: {render.escape_lines(message)}\n")
    return code

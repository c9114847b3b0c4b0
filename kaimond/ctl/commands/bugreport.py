"""Collect what helps to understand a fault in one file, for you to look through and to send.

Taken are: versions, what `kaimonctl doctor` finds, the daemon's status, the configuration, the
names of environment variables, and the end of the daemon's log. Passwords, tokens and keys are
masked as far as they can be recognised, and your home directory is written as ~. Nothing is sent
anywhere.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.ctl import contact, render
from kaimond.ctl.output import CtlError, remark, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

EXAMPLE: Final = "kaimonctl bugreport\nkaimonctl bugreport -o report.txt\nkaimonctl bugreport -o -"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="",
        help="where to: .tar.gz, or one text for any other name; - is the terminal "
        "(default: a .tar.gz here, named after the time)",
    )
    parser.add_argument(
        "--session-output",
        action="store_true",
        help="also the end of what your sessions have written, which may hold your data",
    )
    parser.add_argument("--show-home", action="store_true", help="leave the paths as they are")


def run(options: argparse.Namespace) -> int:
    """Collect the report, write it to a file, and list its content."""
    from kaimond.doctor.report import Report  # noqa: PLC0415 - to be told if it cannot be loaded
    from kaimond.doctor.world import World  # noqa: PLC0415 - as above

    report = Report(
        World(contact.ask()),
        session_output=options.session_output,
        show_home=options.show_home,
    )
    if options.output == "-":
        sys.stdout.write(_as_text(dict(report.parts())))
        remark("nothing was sent. Look it through before you show it to anybody.")
        return 0
    stamp = time.strftime("%Y%m%d-%H%M%S")
    file = Path(options.output or f"kaimon-bugreport-{stamp}.tar.gz")
    packed = file.name.endswith((".tar.gz", ".tgz"))
    # Created first, so that a failure is reported before half a minute of collecting.
    with open(_make(file), "wb") as stream:
        try:
            parts = dict(report.parts())
            folder = f"kaimon-bugreport-{stamp}"
            stream.write(_as_archive(parts, folder) if packed else _as_bytes(parts))
            stream.flush()
        except OSError as error:
            file.unlink(missing_ok=True)
            raise CtlError(f"{file} could not be written ({error}), and is gone.") from None
        except BaseException:
            file.unlink(missing_ok=True)
            raise
    say(f"{render.escape(file.absolute())} holds:")
    for name, text in parts.items():
        say(f"  {render.escape(name):32} {render.counted(text.count(chr(10)), 'line')}")
    say(
        "Passwords, tokens and keys are masked where they were recognised. Nothing was sent: look "
        "it through, then attach it to your report."
    )
    return 0


def _as_text(parts: Mapping[str, str]) -> str:
    return "\n".join(f"===== {name} =====\n{text}" for name, text in parts.items())


def _as_bytes(parts: Mapping[str, str]) -> bytes:
    return _as_text(parts).encode(errors="backslashreplace")


def _as_archive(parts: Mapping[str, str], folder: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in parts.items():
            content = text.encode(errors="backslashreplace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), time.time(), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _make(file: Path) -> int:
    """Create the file, for its owner only; return its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(file, flags, 0o600)
    except FileExistsError:
        raise CtlError(
            f"{file} is there already, and was not touched. Choose another name with -o."
        ) from None
    except OSError as error:
        raise CtlError(
            f"{file} cannot be written ({error.strerror}). Nothing was written; choose another "
            "place with -o."
        ) from None

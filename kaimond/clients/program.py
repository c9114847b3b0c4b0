"""Locating `kaimon-mcp`, whose absolute path is given to clients."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING, Final

from kaimond.clients.client import PROGRAM
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSWER_LIMIT: Final = 60.0
"""Seconds for `kaimon-mcp --version`; far more than a slow disk needs."""


class ProgramError(KaimonError):
    """No working `kaimon-mcp` was found; the message says what to do."""


def locate(argv0: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path of the `kaimon-mcp` that belongs to this program.

    Do not follow links: those that package managers put into a directory on PATH stay in place
    when their target is replaced by the next version.

    Args:
        argv0: how this program was called.
        environ: the environment to take PATH from.

    Raises:
        ProgramError: no `kaimon-mcp` was found.
    """
    search = environ.get("PATH", os.defpath)
    called = shutil.which(argv0, path=search)
    folders = [os.path.dirname(os.path.abspath(called))] if called else []  # noqa: PTH100, PTH120 - links stay
    folders.append(sysconfig.get_path("scripts"))
    for folder in folders:
        path = shutil.which(PROGRAM, path=folder)
        if path:
            return os.path.abspath(path)  # noqa: PTH100 - links stay
    path = shutil.which(PROGRAM, path=search)
    if path:
        return os.path.abspath(path)  # noqa: PTH100 - links stay
    raise ProgramError(
        f"there is no {PROGRAM} beside this kaimonctl ({', '.join(folders)}) nor on PATH. Nothing "
        "was changed. Install kaimond again; it brings both."
    )


def check(command: str) -> None:
    """Check that a client can start ``command``.

    Raises:
        ProgramError: it does not run.
    """
    try:
        answer = subprocess.run(
            [command, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{command} cannot be run: {error}. Nothing was changed.") from None
    if answer.returncode or not answer.stdout.startswith(PROGRAM.encode()):
        said = answer.stderr.decode("utf-8", "replace").strip()[-300:] or "nothing"
        raise ProgramError(
            f"{command} --version ended with code {answer.returncode} and said: {said}. "
            "Nothing was changed. Install kaimond again."
        )

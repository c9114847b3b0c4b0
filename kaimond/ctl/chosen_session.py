"""The session that a command is for, where its key may be left out or shortened."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from kaimond.ctl import render
from kaimond.ctl.output import remark

if TYPE_CHECKING:
    import argparse

    from kaimond.ctl.client import Client

HELP: Final = (
    "the session's key, or the beginning of it; if left out, the session of the project that you "
    "are in, or the only one"
)


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the positional argument that names the session."""
    parser.add_argument("session", metavar="KEY", nargs="?", default="", help=HELP)


def choose(
    daemon: Client, begin: str, *, careful: bool = False, ended: bool = False, tell: bool = True
) -> str:
    """Return the key of the session that the person means.

    Args:
        daemon: the daemon, which decides.
        begin: a key, the beginning of one, or "".
        careful: whether something is to be done that cannot be undone.
        ended: whether the session may have ended, if ``begin`` is given.
        tell: whether to say which it is, if its whole key was not given.

    Raises:
        CtlError: it is unclear which one is meant; the message lists them.
    """
    if is_whole(begin):
        return begin
    answer = daemon.call("session", session=begin, cwd=directory(), careful=careful, ended=ended)
    named = ", ".join(render.escape(answer.get(name, "")) for name in ("title", "project"))
    key = str(answer.get("session", ""))
    if tell:
        remark(f"session {render.escape(key)} ({named})")
    return key


def is_whole(key: str) -> bool:
    """Return whether this is a whole key."""
    return re.fullmatch(r"[0-9a-f]{8}", key) is not None


def directory() -> str:
    """Return the person's working directory; "" if it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib costs 5 ms
    except OSError:
        return ""

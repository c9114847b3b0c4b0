"""Checks of the control socket and of the daemon that answers on it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from kaimond import __version__, start_daemon
from kaimond.doctor.finding import Finding, Level
from kaimond.doctor.world import DaemonState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World


def socket(world: World) -> Iterator[Finding]:
    """Check the socket file that clients connect to."""
    path = world.paths.control_socket
    try:
        found = os.lstat(path)
    except OSError:
        if world.contact.state in {DaemonState.RUNNING, DaemonState.SKEWED}:
            yield Finding("socket", Level.FAIL, f"{path} is gone although a daemon answers", _AGAIN)
        else:
            yield Finding("socket", Level.OK, f"{path} comes with the daemon")
        return
    if not stat.S_ISSOCK(found.st_mode):
        cure = f"Move it away: mv {path} {path}.old"
        yield Finding("socket", Level.FAIL, f"{path} is not a socket", cure)
    elif stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(found.st_mode)
        text = (
            f"{path} is open to other users (mode {mode:o}); the daemon refuses them all the same"
        )
        yield Finding("socket", Level.WARN, text, f"chmod 600 {path}")
    else:
        yield Finding("socket", Level.OK, str(path))


_AGAIN = "kaimonctl stop; the next use starts a daemon with a new one"


def daemon(world: World) -> Iterator[Finding]:
    """Check whether a daemon runs, works, and has this version."""
    contact = world.contact
    if contact.state is DaemonState.ABSENT:
        if start_daemon.daemon_is_there(str(world.paths.runtime)):
            text = "a daemon holds the lock but does not listen: it is starting, ending or stuck"
            cure = f"Wait a minute; if it stays, end it: kill {_announced(world) or 'PID'}"
            yield Finding("daemon", Level.WARN, text, cure)
        else:
            yield Finding("daemon", Level.OK, "none runs; the first agent that needs it starts it")
        return
    if contact.state is DaemonState.SKEWED:
        # The text after the first sentence is the cure.
        text, _, cure = contact.words.partition(". ")
        yield Finding("daemon", Level.FAIL, text, cure or _AGAIN)
        return
    if contact.state is DaemonState.UNCLEAR:
        cure = f"See its log: kaimonctl log; if it stays, end it: kill {_announced(world) or 'PID'}"
        yield Finding("daemon", Level.FAIL, contact.words, cure)
        return
    version, pid = contact.version.get("version", "?"), contact.version.get("pid", "?")
    if version != __version__:
        text = f"the daemon is {version} (process {pid}), and {__version__} is installed"
        cure = "kaimonctl reload; sessions and agents stay"
        yield Finding("daemon", Level.WARN, text, cure)
    else:
        yield Finding("daemon", Level.OK, f"kaimond {version} answers (process {pid})")
    for problem in contact.status.get("problems", ()):
        yield Finding("daemon", Level.WARN, str(problem), "See kaimonctl status and kaimonctl log")
    for agent in contact.status.get("agents", ()):
        theirs = agent.get("version", "")
        if theirs and theirs != version:
            text = f"the client of process {agent.get('pid', '?')} runs kaimon-mcp {theirs}"
            yield Finding("daemon", Level.WARN, text, "Restart that MCP client when it suits you")


def _announced(world: World) -> str:
    import json  # noqa: PLC0415 - rarely needed

    try:
        return str(int(json.loads(world.paths.pid_file.read_text(encoding="utf-8"))["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""

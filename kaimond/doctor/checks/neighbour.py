"""Checks for Kaimon.jl, another system of the same name, whose files are in the same directory.

Its gates announce themselves in our directory, under a uuid where ours have eight hex digits. The
systems do not touch each other's files, but a person, or an agent that has the tools of both, may
confuse them.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final

from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaimond.doctor.world import World

_OURS: Final = re.compile(r"[0-9a-f]{8}\.(?:sock|json|lock)")
_THEIRS: Final = re.compile(
    r"(?:tcp-.+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:-stream)?\.(?:sock|json)"
)
_ELSEWHERE: Final = ("sessions.json", "kaimon.db")


def neighbour(world: World) -> Iterator[Finding]:
    """Check whether the other system is installed, and whether it runs."""
    directory = world.paths.sockets
    names = sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []
    theirs = [name for name in names if _THEIRS.fullmatch(name)]
    strangers = [name for name in names if name not in theirs and not _OURS.fullmatch(name)]
    live = [pid for name in theirs if (pid := _live_pid(directory / name))]
    marks = [name for name in _ELSEWHERE if (directory.parent / name).exists()]
    if live:
        text = (
            f"Kaimon.jl, another system, has sessions in {directory} now "
            f"(processes {', '.join(map(str, live))}); kaimond leaves them alone"
        )
        cure = "Register only one of the two with each MCP client, so that agents do not mix them"
        yield Finding("neighbour", Level.WARN, text, cure)
    elif theirs:
        text = f"Kaimon.jl, another system, has left files in {directory}: {', '.join(theirs[:3])}"
        cure = f"Nothing has to be done; if you do not use it: rm {directory}/*-*-*-*-*"
        yield Finding("neighbour", Level.WARN, text, cure)
    elif marks:
        text = f"Kaimon.jl, another system, was used here ({', '.join(marks)}); it does not run"
        yield Finding("neighbour", Level.OK, text)
    else:
        yield Finding("neighbour", Level.OK, f"nobody else uses {directory}")
    if strangers:
        text = f"{directory} holds what is not ours: {', '.join(strangers[:5])}"
        yield Finding("neighbour", Level.WARN, text, "Look where it comes from; kaimond ignores it")


def _live_pid(announcement: Path) -> int:
    """Return the pid in an announcement if the process is alive, else 0."""
    if announcement.suffix != ".json":
        return 0
    try:
        pid = int(json.loads(announcement.read_bytes()[:65_536])["pid"])
        if pid <= 1:
            return 0
        os.kill(pid, 0)
    except PermissionError:
        return 0  # somebody else's process has the number now
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return 0
    return pid

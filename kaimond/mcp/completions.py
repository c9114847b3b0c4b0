"""Completions of the arguments of prompts and the parts of resources' addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import mcp_types as types

from kaimond.config import projects
from kaimond.mcp.text import readable

if TYPE_CHECKING:
    from kaimond.core import Core

MOST: Final = 100
"""Most values in one answer, by MCP's rules."""


def completion(core: Core, argument: str, begun: str) -> types.Completion:
    """Return the values that an argument could have.

    Args:
        core: the daemon.
        argument: the name of the argument, of whatever prompt or resource: one name means one
            thing in all of them.
        begun: what has been typed: a part of a project's path or of a session's project, or the
            beginning of a key or id.
    """
    match argument:
        case "session" | "key":
            found = _sessions(core, begun)
        case "project":
            found = _projects(core, begun)
        case "id":
            recent = core.supervisor.history.recent("", MOST)
            found = [item.id for item in recent if item.id.startswith(begun.strip())]
        case _:
            found = []
    return types.Completion(values=found[:MOST], total=len(found), has_more=len(found) > MOST)


def _sessions(core: Core, begun: str) -> list[str]:
    return [
        session.key
        for session in core.supervisor.sessions.all_verified()
        if session.key.startswith(begun.strip()) or _is_in(begun, session.project)
    ]


def _projects(core: Core, begun: str) -> list[str]:
    entries = projects.load(core.paths.projects_file).entries
    allowed = [str(entry.path) for entry in entries if entry.enabled]
    return [readable(path) for path in dict.fromkeys(allowed) if _is_in(begun, path)]


def _is_in(begun: str, path: str) -> bool:
    return begun.strip().lower() in path.lower()

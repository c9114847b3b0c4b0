"""status: the daemon, its agents and its sessions."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from kaimond import __version__, wire
from kaimond.config import projects
from kaimond.control.command import Command, Params
from kaimond.supervisor.view import iso, views

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, _params: Params) -> dict[str, Any]:
    """Describe the daemon, its agents and its sessions as they are now."""
    sessions = await views(core.supervisor)
    listed = projects.load(core.paths.projects_file)
    return {
        "version": __version__,
        "protocol": wire.PROTOCOL,
        "pid": os.getpid(),
        "instance": core.instance,
        "started": iso(core.started),
        "uptime": round(time.time() - core.started, 3),
        "socket": str(core.paths.control_socket),
        "log": str(core.paths.server_log),
        "database": str(core.paths.database),
        "projects_file": str(core.paths.projects_file),
        "sessions": [seen.to_json() for seen in sessions],
        "agents": [
            {
                "agent": agent.id,
                "client": agent.client,
                "version": agent.version,
                "shim": agent.shim,
                "pid": agent.pid,
                "cwd": agent.cwd,
                "since": iso(agent.since),
            }
            for agent in core.agents.values()
        ],
        "problems": [*core.problems, *_unsaved(core), *(str(each) for each in listed.problems)],
    }


def _unsaved(core: Core) -> list[str]:
    count = core.supervisor.registry.unsaved
    if not count:
        return []
    what = f"What happened to {count} sessions could not be written to {core.paths.database}"
    return [f"{what}; it is tried again every minute. Is the disk full?"]


COMMAND: Final = Command("status", Params, run)

"""reload: the installed kaimond takes over from the running one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, Params
from kaimond.daemonize import upgrade

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, _params: Params) -> dict[str, Any]:
    """Begin the takeover; this connection closes, and the successor answers the next one."""
    version = await upgrade.begin(core)
    return {"text": f"kaimond {version} can start and is about to take over.", "version": version}


COMMAND: Final = Command("reload", Params, run)

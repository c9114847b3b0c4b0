"""stop: end the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, Params

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, _params: Params) -> dict[str, Any]:
    """Ask for the end; the connection closes when the daemon is gone."""
    core.stopping.set()
    fate = "its sessions first" if core.settings.daemon.on_stop == "end" else "leaving its sessions"
    return {"text": f"kaimond is ending, {fate}."}


COMMAND: Final = Command("stop", Params, run)

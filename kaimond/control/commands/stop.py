"""stop: end the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, Params

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, _params: Params) -> dict[str, Any]:
    """End the sessions, then the daemon; the connection closes when it is gone."""
    if core.settings.daemon.on_stop == "keep":
        text, failures = "kaimond is ending and leaves its sessions running.", []
    else:
        failures = await core.supervisor.stop_all("it was ended with kaimond")
        text = " ".join(["kaimond is ending.", *(failures or ["All its sessions have ended."])])
    core.stopping.set()
    return {"text": text, "failures": failures}


COMMAND: Final = Command("stop", Params, run)

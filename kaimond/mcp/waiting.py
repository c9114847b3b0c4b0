"""Waits for an eval on behalf of an agent: reports progress, and stops waiting in time.

The eval belongs to the session. The agent may go away, cancel its request or run out of time. Each
of these ends the waiting; only the cancelled request ends the eval as well.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.evals.eval import ENDS, Status
from kaimond.evals.spool import Spool
from kaimond.mcp.text import MOST_PROGRESS, clean, last_line, shown
from kaimond.spans import span

if TYPE_CHECKING:
    from kaimond.core import Agent, Core
    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call

SAY_EVERY: Final = 1.0
"""Seconds between two progress messages while there is output."""

SILENT_SAY_EVERY: Final = 5.0
"""Seconds between two progress messages while there is none; clients give up after 60."""

_REACH: Final = 1600
"""Most bytes of output that are read for one progress message."""


@dataclass
class _Heard:
    """How much the client has been told."""

    size: int = 0
    progress: str = ""
    said: float = 0.0


async def wait_for(call: Call, item: Eval, patience: float) -> Eval:
    """Wait for an eval's end, reporting progress to the client meanwhile.

    Args:
        call: the call of the agent that waits.
        item: the eval.
        patience: seconds to wait, 0 for as long as it takes.

    Returns:
        The eval: at its end, or as it is when the time is up.
    """
    history = call.core.supervisor.history
    end = asyncio.ensure_future(history.finished(item.id))
    began = time.monotonic()
    heard = _Heard(said=began)
    try:
        while not end.done():
            left = patience - (time.monotonic() - began) if patience else SAY_EVERY
            if left <= 0:
                return history.get(item.id) or item
            await asyncio.wait([end], timeout=min(SAY_EVERY, left))
            if not end.done():
                await _say(call, item, heard)
        return await end
    except asyncio.CancelledError:
        if call.cancelled():
            call.core.supervisor.tasks.watch(interrupt(call.core, call.agent, item))
        raise
    finally:
        end.cancel()


async def interrupt(core: Core, agent: Agent, item: Eval) -> None:
    """Cancel an eval because the agent cancelled the request that it is for."""
    await core.supervisor.cancel(item, f"agent {agent.short} cancelled its request")


async def _say(call: Call, item: Eval, heard: _Heard) -> None:
    now = time.monotonic()
    session = call.core.supervisor.sessions.get(item.session)
    progress = session.notes_of(item.id).progress if session else ""
    if progress != heard.progress:
        heard.progress, heard.said = progress, now
        await call.say(clean(progress.encode()))
    spool = Spool(call.core.paths.session_spool(item.session))
    size = spool.size(item.id)
    if size > heard.size:
        fresh = "".join(map(str, shown(spool, item.id, max(heard.size, size - _REACH), size)))
        heard.size, heard.said = size, now
        await call.say(last_line(fresh.strip("\n"), MOST_PROGRESS) or "...")
    elif now - heard.said >= SILENT_SAY_EVERY:
        heard.said = now
        await call.say(await describe(call, item))


async def describe(call: Call, item: Eval) -> str:
    """Return a sentence about what an eval does now."""
    supervisor = call.core.supervisor
    now = supervisor.history.get(item.id) or item
    session = supervisor.sessions.get(item.session)
    if now.status in ENDS:
        return f"eval {item.id} is {now.status}"
    if now.status is Status.QUEUED:
        waits = span(time.time() - now.submitted)
        running = session.running if session else None
        what = f" behind eval {running.id} of agent {running.agent}" if running else ""
        return f"eval {item.id} has waited for {waits}{what}"
    live = session.live if session else None
    doing = await live.activity.now() if live else ""
    ran = f"eval {item.id} has run for {span(time.time() - now.began)}"
    return f"{ran}, {doing}" if doing else ran

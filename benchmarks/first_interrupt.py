"""The first interrupt of a fresh session: nothing that it needs may have to be compiled first.

Run it as ``python -m benchmarks.first_interrupt [--sessions 8]``. Times are from the interrupt of
``while true end`` to the word on what came of it, eight seconds after the session's start.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Final

from benchmarks.soak_common import Soak, ask, rounds, spread

REHEARSED: Final = 8.0
"""Seconds after which an idle gate has compiled all that an interrupt needs."""


async def run(soak: Soak, sessions: int) -> list[tuple[str, str]]:
    """Start and interrupt the sessions one after the other; return the figures."""
    await asyncio.to_thread(soak.home.start_daemon)
    one, two = await soak.agent(), await soak.agent()
    times = []
    for number in range(sessions):
        key = (await soak.start(one, soak.home.project(f"Fresh{number}")))["key"]
        await asyncio.sleep(REHEARSED)
        begun = await ask(one, "ex", e="while true end", session=key, timeout=0.05)
        found = re.search(r"Eval (\w{8}) goes on", begun.text)
        if not found:
            soak.lose("evals", begun.text)
            continue
        began = time.monotonic()
        said = await ask(two, "cancel_eval", eval_id=found[1])
        times.append(time.monotonic() - began)
        if "was interrupted" not in said.text:
            soak.lose("interrupts", said.text)
        await ask(two, "manage_repl", command="shutdown", session=key)
    return [("first interrupt", spread(times))]


async def _main(soak: Soak, sessions: int) -> list[tuple[str, str]]:
    try:
        return await run(soak, sessions)
    finally:
        await soak.close()


if __name__ == "__main__":
    options = rounds(str(__doc__), sessions=8)
    with Soak.opened() as running:
        figures = asyncio.run(_main(running, options.sessions))
    sys.exit(running.report("First interrupts", figures))

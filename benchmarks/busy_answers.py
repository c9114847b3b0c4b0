"""How soon a session that computes answers: `ping` and `check_eval` of another agent.

Run it as ``python -m benchmarks.busy_answers [--calls 100]``. With Julia 1.9 and newer the answer
is the gate's own, given while the code runs; it is counted how often the gate was silent.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Final

from benchmarks.soak_common import Soak, ask, rounds, spread

KINDS: Final = {
    "while true end": "while true end",
    "allocating loop": "while true; rand(10); end",
    "one long C call": "ccall(:sleep, Cuint, (Cuint,), 600)",
    "garbage collections": "while true; sum(rand(10^6)); GC.gc(); end",
    "compiling": "while true; @eval f(x) = x + $(rand()); @eval f(1); end",
    "waiting": "sleep(600)",
}


async def run(soak: Soak, calls: int) -> list[tuple[str, str]]:
    """Call while each kind of code runs; return the figures."""
    await asyncio.to_thread(soak.home.start_daemon)
    one, two = await soak.agent(), await soak.agent()
    key = (await soak.start(one, soak.home.project("Busy")))["key"]
    rows = []
    for kind, code in KINDS.items():
        begun = await ask(one, "ex", e=code, session=key, timeout=0.05)
        found = re.search(r"Eval (\w{8}) goes on", begun.text)
        if not found:
            soak.lose("evals", begun.text)
            continue
        pings, checks, silent = [], [], 0
        for _ in range(calls):
            began = time.monotonic()
            said = await ask(two, "ping")
            pings.append(time.monotonic() - began)
            silent += "does not answer" in said.text
            began = time.monotonic()
            await ask(two, "check_eval", eval_id=found[1])
            checks.append(time.monotonic() - began)
        rows.append((f"{kind}: ping", f"{spread(pings)}, silent {silent}"))
        rows.append((f"{kind}: check_eval", spread(checks)))
        said = await ask(two, "cancel_eval", eval_id=found[1])
        if "was interrupted" not in said.text:
            soak.lose("interrupts", said.text)
    return rows


async def _main(soak: Soak, calls: int) -> list[tuple[str, str]]:
    try:
        return await run(soak, calls)
    finally:
        await soak.close()


if __name__ == "__main__":
    options = rounds(str(__doc__), calls=100)
    with Soak.opened() as running:
        figures = asyncio.run(_main(running, options.calls))
    sys.exit(running.report("Answers of a session that computes", figures))

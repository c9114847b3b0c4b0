"""A thousand edits, each followed by an eval: none is stale unsaid, and none warns idly.

Run it as ``python -m benchmarks.soak_edits [--edits 1000] [--seed 1]``. The edits are made in
place, by rename, with swap files, without a change, twice within a tick of the clock, with other
line ends, with errors, and while an eval runs; the eval comes 0 to 700 ms later. With checkouts of
Revise in the folder KAIMON_REVISE_PATH, Revise follows the package.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks.soak_common import Soak, ask, rounds, spread, value
from tests.support.edits import NAME, EditedPackage, Step, verdict
from tests.support.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.agent import Agent

CODE = f"{NAME}.values()"

WARM_SECONDS = 300.0
"""Seconds for the session to load Revise, the package and the reviser's own code."""


async def edits(soak: Soak, count: int, seed: int) -> int:
    """Make the edits and check each answer; return the exit code."""
    dice = random.Random(seed)
    package = EditedPackage(soak.home.path / NAME, dice)
    package.create()
    soak.home.allow(package.root)
    revise = os.environ.get("KAIMON_REVISE_PATH", "")
    if revise:
        soak.home.env["JULIA_LOAD_PATH"] = f"@:{revise}:@stdlib"
    soak.home.start_daemon()
    agent = await soak.agent()
    await soak.start(agent, package.root)
    await ask(agent, "ex", e=f"using {NAME}")
    await _warm(agent, package)
    kinds: Counter[str] = Counter()
    warned, seconds = 0, []
    for _ in range(count):
        before, was_stale = package.values(), bool(package.broken)
        step = package.step()
        kinds[step.kind] += 1
        if step.during:
            answer = await _during(agent, step, soak.home.path)
        else:
            await asyncio.sleep(step.delay)
            began = time.monotonic()
            answer = (await ask(agent, "ex", e=CODE, q=False)).text
            seconds.append(time.monotonic() - began)
        warned += "WARNING" in answer
        wrong = verdict(step, before, was_stale, answer)
        if wrong:
            soak.lose("stale or needless", wrong)
    step = package.mend()
    wrong = verdict(step, (), False, (await ask(agent, "ex", e=CODE, q=False)).text)
    if wrong:
        soak.lose("stale or needless", wrong)
    told = (await ask(agent, "investigate_environment")).text
    follower = next((line for line in told.splitlines() if line.startswith("Source: ")), "")
    rows = [
        ("reviser", follower.removeprefix("Source: ")),
        ("edits", f"{count} (seed {seed}): {', '.join(f'{k} {n}' for k, n in kinds.items())}"),
        ("answers that had to warn, and did", str(warned)),
        ("eval after an edit", spread(seconds)),
    ]
    return soak.report("Edits", rows)


async def _warm(agent: Agent, package: EditedPackage) -> None:
    """Make a first edit: compiling the reviser can take longer than a call may."""
    until_then = time.monotonic() + WARM_SECONDS
    for edited in (False, True):
        if edited:
            package.mend()
        shown = f"({', '.join(map(str, package.values()))})"
        while value(await ask(agent, "ex", e=CODE, q=False)) != shown:
            if time.monotonic() > until_then:
                raise SystemExit("the package was not loaded, or its first edit not taken up")


async def _during(agent: Agent, step: Step, place: Path) -> str:
    """Edit while an eval runs, after its beginning and before its call into the package."""
    assert step.during
    begun, edited = place / "begun", place / "edited"
    code = f'touch("{begun}"); while !isfile("{edited}"); sleep(0.01); end; {CODE}'
    running = asyncio.create_task(ask(agent, "ex", e=code, q=False))
    await until(lambda: begun.exists() or running.done(), WARM_SECONDS)
    step.during()
    edited.touch()
    answer = (await running).text
    begun.unlink()
    edited.unlink()
    return answer


async def run(soak: Soak, count: int, seed: int) -> int:
    try:
        return await edits(soak, count, seed)
    finally:
        await soak.close()


def main() -> int:
    options = rounds("Edits of source, each followed by an eval.", edits=1000, seed=1)
    # The home is made outside of the event loop: its Julia is precompiled in one of its own.
    with Soak.opened() as soak:
        return asyncio.run(run(soak, options.edits, options.seed))


if __name__ == "__main__":
    sys.exit(main())

"""Hundreds of restarts, each proved by a new boot id, first in peace and then under load.

Run it as ``python -m benchmarks.soak_restarts [--rounds 200] [--loaded 100]``. Under load another
agent evaluates in the same session all the time, and a second session is busy.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks.soak_common import Soak, ask, rounds, spread, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.agent import Agent


class Restarts:
    """A test that restarts one session again and again."""

    def __init__(
        self, soak: Soak, agent: Agent, view: dict[str, object], others: list[str]
    ) -> None:
        self._soak = soak
        self._agent = agent
        self._key = str(view["key"])
        self._keys = [self._key, *others]
        self._generation = int(str(view["generation"]))
        self._boots = {view["boot_id"]}
        self.seconds: list[float] = []
        self.ways: Counter[str] = Counter()

    async def once(self) -> None:
        """Restart, and check every claim of the answer."""
        key = self._key
        await ask(self._agent, "ex", e="before = 1", session=key)
        began = time.monotonic()
        done = await ask(self._agent, "manage_repl", command="restart", session=key)
        self.seconds.append(time.monotonic() - began)
        self._generation += 1
        seen = done.structured
        if done.failed or seen["generation"] != self._generation or seen["boot_id"] in self._boots:
            self._soak.lose("wrong replies", done.text)
            return
        self._boots.add(seen["boot_id"])
        in_place = f"in place (the same process {seen['pid']})" in done.text
        self.ways["in place" if in_place else "respawned"] += 1
        fresh = await ask(self._agent, "ex", e="isdefined(Main, :before)", q=False, session=key)
        if value(fresh) != "false":
            self._soak.lose("wrong replies", f"state after a restart: {fresh.text}")
        ping = await ask(self._agent, "ping")
        views = {view["key"]: view for view in ping.structured["sessions"]}
        if views[key]["boot_id"] != seen["boot_id"] or set(views) != set(self._keys):
            self._soak.lose("wrong replies", f"ping after a restart: {ping.text}")
        self._soak.count_processes(self._keys)


async def evaluate(soak: Soak, agent: Agent, key: str, marks: Path, said: Counter[str]) -> None:
    """Evaluate all the time; each eval writes a mark that shows how often it ran."""
    for number in itertools.count():
        mark = marks / str(number)
        code = f'open(io -> print(io, "x"), "{mark}", "a"); sleep(0.05); {number}'
        answer = await ask(agent, "ex", e=code, q=False, session=key)
        ran = mark.stat().st_size if mark.exists() else 0
        if not answer.failed:
            said["done"] += 1
            if value(answer) != str(number) or ran != 1:
                soak.lose("evals", f"eval {number} ran {ran} times, its answer is {answer.text}")
        elif re.search("nothing was evaluated|had not begun", answer.text):
            said["refused"] += 1
            if ran:
                soak.lose("evals", f"eval {number} ran although: {answer.text}")
            await asyncio.sleep(0.01)
        elif "was interrupted" in answer.text:
            said["interrupted"] += 1
            if ran > 1:
                soak.lose("evals", f"eval {number} ran {ran} times: {answer.text}")
        else:
            soak.lose("evals", f"eval {number}: {answer.text}")


async def spin(soak: Soak, agent: Agent, key: str) -> None:
    """Keep a session busy without a pause."""
    while True:
        code = "let stop = time() + 2; while time() < stop; end; end; 7"
        answer = await ask(agent, "ex", e=code, q=False, session=key)
        if value(answer) != "7":
            soak.lose("evals", f"the busy session: {answer.text}")


async def run(soak: Soak, peaceful: int, loaded: int) -> list[tuple[str, str]]:
    """Run both parts; return the figures."""
    home = soak.home
    project, other = home.project("P"), home.project("Q")
    agent = await soak.agent()
    first = Restarts(soak, agent, await soak.start(agent, project), [])
    for _ in range(peaceful):
        await first.once()
    busy = str((await soak.start(agent, other))["key"])
    view = await soak.start(agent, project)
    second = Restarts(soak, agent, view, [busy])
    said: Counter[str] = Counter()
    marks = home.path / "marks"
    marks.mkdir()
    load = [
        asyncio.create_task(evaluate(soak, await soak.agent(), str(view["key"]), marks, said)),
        asyncio.create_task(spin(soak, await soak.agent(), busy)),
    ]
    for _ in range(loaded):
        await second.once()
        if any(task.done() for task in load):
            break
    for task in load:
        task.cancel()
    for result in await asyncio.gather(*load, return_exceptions=True):
        if not isinstance(result, asyncio.CancelledError):
            soak.lose("the load ended", repr(result))
    keys = [str(view["key"]), busy]
    soak.count_files(keys)
    for key in keys:
        await ask(agent, "manage_repl", command="shutdown", session=key)
    soak.count_processes([])
    soak.count_files([])
    return [
        ("restarts in a row", f"{len(first.seconds)} {dict(first.ways)}"),
        ("  seconds", spread(first.seconds)),
        ("restarts under load", f"{len(second.seconds)} {dict(second.ways)}"),
        ("  seconds", spread(second.seconds)),
        ("  evals meanwhile", str(dict(said))),
    ]


async def _main(soak: Soak, peaceful: int, loaded: int) -> list[tuple[str, str]]:
    try:
        return await run(soak, peaceful, loaded)
    finally:
        await soak.close()


if __name__ == "__main__":
    options = rounds(str(__doc__), rounds=200, loaded=100)
    with Soak.opened() as running:
        figures = asyncio.run(_main(running, options.rounds, options.loaded))
    sys.exit(running.report("Restarts", figures))

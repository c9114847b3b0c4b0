"""How long after a kill -9 of Julia the agent that waits for an eval has its answer.

Prints minimum, median and maximum in milliseconds over the rounds; the bar is 100 ms on a machine
that does nothing else. Run it as `python -m benchmarks.julia_killed`; needs `make julia`.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from tests.chaos.__main__ import julia
from tests.support.agent import agent, text
from tests.support.home import Home
from tests.support.wait import until

ROUNDS = 10


async def one_round(home: Home, project: Path) -> float:
    async with agent(home) as one:
        await one.start(project)
        await one.value("1")
        (project / "inside").unlink(missing_ok=True)
        waiting = asyncio.create_task(
            one.call("ex", e='println("last"); touch("inside"); sleep(99)')
        )
        await until((project / "inside").exists)
        (seen,) = await one.sessions()
        began = time.perf_counter()
        psutil.Process(seen["pid"]).kill()
        answer = text(await waiting)
        took = time.perf_counter() - began
        assert "was killed by SIGKILL" in answer, answer
        assert answer.startswith("last\n"), answer
        return took * 1000


async def rounds(home: Home) -> list[float]:
    project = home.project()
    return [await one_round(home, project) for _ in range(ROUNDS)]


def main() -> None:
    with tempfile.TemporaryDirectory() as depot:
        home = Home(julia(Path(depot)))
        try:
            home.start_daemon()
            # The home is made outside of the event loop: its Julia is precompiled in its own.
            took = asyncio.run(rounds(home))
        finally:
            home.close()
    print(
        f"answer after kill -9 of Julia, {ROUNDS} rounds: min {min(took):.1f} ms, "
        f"median {statistics.median(took):.1f} ms, max {max(took):.1f} ms"
    )


main()

"""How long a person or an agent waits for Julia: started by hand, and through kaimond.

Run it as ``python -m benchmarks.starts [--rounds 5] JULIA...``. Each Julia gets a home and a depot
of its own, and its figures are taken in turn, round by round; what is told is the median, with the
least and the most. The first start is that of a Julia which no session had before, so that the gate
has to be compiled; the others load it from the cache that has been made meanwhile.

- ``julia -e``: ``julia -e 'println(1+1)'`` from its start to its end.
- ``start``: from ``start_session`` to the answer of ``ex("println(1+1)")``.
- ``restart``: the same from ``manage_repl(command="restart")``.
- ``using``: the first ``using MyPkg``, which is precompiled, in a session and by hand.
- ``attach``: from ``kaimonctl attach`` to the prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.toolchain.gate_cache import OLDEST
from tests.chaos.__main__ import julia
from tests.support.agent import Agent, agent
from tests.support.home import PROGRAMS, Home
from tests.support.terminal import Terminal
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

CACHE_SECONDS: Final = 300.0
"""Seconds until the precompiled gate must exist."""


class Watch:
    """A collection of times by name."""

    def __init__(self) -> None:
        self.times: defaultdict[str, list[float]] = defaultdict(list)

    async def run(self, name: str, work: Coroutine[object, object, object]) -> None:
        """Await the work and record its duration."""
        began = time.monotonic()
        await work
        self.times[name].append(time.monotonic() - began)

    def table(self) -> list[str]:
        """Return a row for each name: median, minimum and maximum in seconds."""
        return [
            f"  {name:24} {statistics.median(times):7.3f}   ({min(times):.3f} to {max(times):.3f})"
            for name, times in self.times.items()
        ]


def by_hand(home: Home, program: Path, project: Path, code: str) -> Callable[[], None]:
    """Return a function that runs code to its end in a Julia started by hand."""
    command = [str(program), "--startup-file=no", f"--project={project}", "-e", code]

    def run() -> None:
        subprocess.run(command, env=home.env, cwd=project, check=True, capture_output=True)

    return run


async def first_result(one: Agent, project: Path) -> None:
    """Start a session and get its first result."""
    key = await one.start(project)
    assert (await one.value("println(1+1)", session=key)).startswith("2")


async def restarted_result(one: Agent, key: str) -> None:
    """Restart a session and get its first result."""
    await one.ok("manage_repl", command="restart", session=key)
    assert (await one.value("println(1+1)", session=key)).startswith("2")


def attach(home: Home, key: str) -> None:
    """Open a session's terminal and wait for its prompt."""
    command = [str(PROGRAMS / "kaimonctl"), "attach", key]
    with Terminal(command, home.env, home.path) as terminal:
        terminal.reads("julia>")
        terminal.type("\x04")
        terminal.process.wait(30)


async def measure(home: Home, program: Path, rounds: int) -> list[str]:
    """Return all figures of one Julia."""
    watch = Watch()
    home.start_daemon()
    package = home.example()
    plain = by_hand(home, program, package, "println(1+1)")
    use = by_hand(home, program, package, "using MyPkg; println(1+1)")
    await asyncio.to_thread(plain)
    async with agent(home) as one:
        await watch.run("start, the first", first_result(one, package))
        # The first session precompiles the package, and all others load it.
        await one.ok("ex", e="using MyPkg", timeout=600)
        if version(program) >= OLDEST:
            await until(lambda: "precompiled the gate" in home.server_log(), CACHE_SECONDS)
        for _ in range(rounds):
            (session,) = await one.sessions()
            key = session["key"]
            await watch.run("julia -e", asyncio.to_thread(plain))
            await watch.run("restart", restarted_result(one, key))
            await watch.run("using, in a session", one.ok("ex", e="using MyPkg", session=key))
            await watch.run("using, by hand", asyncio.to_thread(use))
            await watch.run("attach", asyncio.to_thread(attach, home, key))
            await one.ok("manage_repl", command="shutdown", session=key)
            await watch.run("start", first_result(one, package))
    return watch.table()


def version(program: Path) -> tuple[int, int]:
    """Return the major and minor version of a Julia."""
    said = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True)
    major, minor = said.stdout.split()[-1].split(".")[:2]
    return int(major), int(minor)


def main() -> None:
    """Measure each Julia and print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("julia", nargs="+", type=Path)
    options = parser.parse_args()
    for program in options.julia:
        with tempfile.TemporaryDirectory(prefix="kaimond-depot-") as depot:
            os.environ["KAIMON_JULIA"] = str(program)
            home = Home(julia(Path(depot)))
            # As on a machine where this Julia has not been used before.
            shutil.rmtree(home.paths.gate_caches, ignore_errors=True)
            try:
                table = asyncio.run(measure(home, program, options.rounds))
            finally:
                home.close()
        print(f"{program}, load {os.getloadavg()[0]:.1f}, seconds")
        print("\n".join(table), flush=True)


if __name__ == "__main__":
    main()

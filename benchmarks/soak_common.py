"""What the soak runs share: a home, agents, the count of losses, the layout of figures."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.chaos import processes
from tests.chaos.__main__ import julia
from tests.chaos.agent import Agent
from tests.chaos.report import spread
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.model import Request

LOADED: Final = 0.75
"""Runnable processes per processor above which figures are marked."""

__all__ = ["Soak", "ask", "rounds", "spread", "value"]


class Soak:
    """A soak run in its own home.

    Attributes:
        home: the home directory of the run.
        losses: what was lost or wrong, by kind; must remain empty.
        agents: the clients to close at the end.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.losses: Counter[str] = Counter()
        self.agents: list[Agent] = []

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Soak]:
        """Yield a run without a running daemon; closing its home checks for leftovers."""
        with tempfile.TemporaryDirectory() as depot:
            home = Home(julia(Path(depot)))
            soak = cls(home)
            try:
                yield soak
            finally:
                try:
                    home.close()
                except AssertionError as error:
                    soak.lose("left behind at the end", str(error))

    def lose(self, kind: str, words: str) -> None:
        """Record that something was lost or wrong."""
        self.losses[kind] += 1
        print(f"LOST ({kind}): {words}", flush=True)

    async def agent(self) -> Agent:
        """Connect one more agent."""
        number = len(self.agents)
        made = Agent(self.home, number, lambda words: self.lose("connections or answers", words))
        self.agents.append(made)
        await made.start()
        return made

    async def start(self, agent: Agent, project: Path) -> dict[str, Any]:
        """Start a session; return its view."""
        done = await ask(agent, "start_session", project_path=str(project))
        if done.failed:
            raise SystemExit(f"{project} could not be started: {done.text}")
        return done.structured

    def count_processes(self, keys: list[str]) -> None:
        """Check that there is one Julia for each key, and no other."""
        found = sorted(one.key for one in processes.julias(self.home))
        if found != sorted(keys):
            self.lose("second processes, orphans", f"processes of {found}, sessions {sorted(keys)}")

    def count_files(self, keys: list[str]) -> None:
        """Check that each key has one socket and its shield, and that there are no others."""
        files = {file.name for file in self.home.paths.sockets.iterdir()}
        expected = {self.home.paths.session_socket(key).name for key in keys}
        expected |= {self.home.paths.session_shield(key).name for key in keys}
        if files != expected:
            self.lose("stale files", f"{sorted(files ^ expected)}")
        spools = {file.name for file in self.home.paths.spool.iterdir()}
        if spools - set(keys):
            self.lose("stale files", f"spools of {sorted(spools - set(keys))}")

    async def close(self) -> None:
        """Close all agents."""
        await asyncio.gather(*(agent.stop() for agent in self.agents))

    def report(self, title: str, rows: list[tuple[str, str]]) -> int:
        """Print the figures; return the exit code."""
        load, processors = os.getloadavg()[0], os.cpu_count() or 1
        busy = " (LOADED: times are not the machine's best)" if load > LOADED * processors else ""
        print(f"\n{title}")
        for name, value in [*rows, ("load", f"{load:.1f} on {processors} processors{busy}")]:
            print(f"  {name:34} {value}")
        lost = ", ".join(f"{kind} {count}" for kind, count in self.losses.items())
        print(f"  {'lost or wrong':34} {lost or '0'}")
        return 1 if self.losses else 0


async def ask(agent: Agent, tool: str, **arguments: Any) -> Request:
    """Call a tool and wait for the answer."""
    return await agent.finish(agent.call(tool, 0, **arguments))


def value(request: Request) -> str:
    """Return the value at the beginning of an answer, which remarks may follow."""
    return (request.text.splitlines() or [""])[0]


def rounds(description: str, **defaults: int) -> argparse.Namespace:
    """Parse the command line, which has one option for each default."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    return parser.parse_args()

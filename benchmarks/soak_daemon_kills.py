"""kill -9 of the daemon again and again, with living sessions of which some are busy.

Run it as ``python -m benchmarks.soak_daemon_kills [--rounds 100] [--sessions 8] [--busy 2]``. In
each round some sessions evaluate something that ends while no daemon runs or just after; afterwards
every session, every variable, every result and every agent's connection must be there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.soak_common import Soak, ask, rounds, spread, value
from kaimond import __version__, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.agent import Agent, Pending

BAR: Final = 1.0
"""Seconds that the design promises from the new daemon's start to its first answer."""


class Round:
    """A round that kills the daemon and checks that everything survived."""

    def __init__(self, soak: Soak, agents: list[Agent], views: list[dict[str, Any]]) -> None:
        self._soak = soak
        self._agents = agents
        self._views = views
        self._count = 0
        self.first: list[float] = []
        self.waited: list[float] = []

    async def once(self, busy: int) -> None:
        """Kill the daemon while ``busy`` sessions evaluate, and check the next one."""
        soak, self._count = self._soak, self._count + 1
        running = [await self._begin(which) for which in range(busy)]
        daemon = soak.home.daemons[-1]
        daemon.kill()
        await asyncio.to_thread(daemon.wait)
        began = time.monotonic()
        soak.home.spawn_daemon()
        status = await _status(soak.home.paths.control_socket)
        self.first.append(time.monotonic() - began)
        facts = ("key", "pid", "boot_id", "generation", "project")
        present = {tuple(view[fact] for fact in facts) for view in status["sessions"]}
        for view in self._views:
            if tuple(view[fact] for fact in facts) not in present:
                soak.lose("sessions", f"{view} is not among {present}")
        # An agent that calls at once is answered as soon as its shim has reconnected.
        await asyncio.gather(*(self._ask(which) for which in range(busy, len(self._agents))))
        for which, pending in enumerate(running):
            done = await self._agents[which].finish(pending)
            if value(done) != f'"result {self._count}"':
                soak.lose("results", f"round {self._count}: {done.text}")
        await asyncio.gather(*(self._ask(which) for which in range(busy)))
        soak.count_processes([view["key"] for view in self._views])

    async def _begin(self, which: int) -> Pending:
        """Start an eval in a session; return once it runs."""
        agent, key = self._agents[which], self._views[which]["key"]
        mark = self._soak.home.path / f"begun-{which}"
        mark.unlink(missing_ok=True)
        rest = 0.1 + which * 1.2
        code = f'touch("{mark}"); sleep({rest}); "result {self._count}"'
        pending = agent.call("ex", 0, e=code, q=False, session=key)
        while not mark.exists() and not pending.over.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return pending

    async def _ask(self, which: int) -> None:
        """Increment a session's variable, which counts the rounds, and check it."""
        began = time.monotonic()
        code = "rounds = isdefined(Main, :rounds) ? rounds + 1 : 1"
        done = await ask(
            self._agents[which], "ex", e=code, q=False, session=self._views[which]["key"]
        )
        self.waited.append(time.monotonic() - began)
        if value(done) != str(self._count):
            self._soak.lose("variables", f"round {self._count}, session {which}: {done.text}")


async def _status(path: Path) -> dict[str, Any]:
    """Wait for the next daemon's first answer and return it."""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=2**22)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        hello = {"kaimon": wire.PROTOCOL, "version": __version__, "role": "ctl", "pid": 1}
        question = {"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}
        for message in (hello, question):
            writer.write(json.dumps(message).encode() + b"\n")
        await reader.readline()
        answer = await reader.readline()
        writer.close()
        if answer:
            result: dict[str, Any] = json.loads(answer)["result"]
            return result


async def run(soak: Soak, count: int, sessions: int, busy: int) -> list[tuple[str, str]]:
    """Run all rounds; return the figures."""
    await asyncio.to_thread(soak.home.start_daemon)
    agents = [await soak.agent() for _ in range(sessions)]
    views = [
        await soak.start(agent, soak.home.project(f"P{number}"))
        for number, agent in enumerate(agents)
    ]
    rounds_ = Round(soak, agents, views)
    for _ in range(count):
        await rounds_.once(busy)
    shims = sum(agent.shims for agent in agents)
    if shims != len(agents):
        soak.lose("agents' connections", f"{shims} shims were needed for {len(agents)} agents")
    soak.count_files([view["key"] for view in views])
    late = sum(seconds > BAR for seconds in rounds_.first)
    return [
        ("kills of the daemon", str(count)),
        ("sessions, of them busy", f"{sessions}, {busy}"),
        ("start to first answer (status)", spread(rounds_.first)),
        (f"  later than {BAR:g} s", str(late)),
        ("an agent's next ex", spread(rounds_.waited)),
    ]


async def _main(soak: Soak, count: int, sessions: int, busy: int) -> list[tuple[str, str]]:
    try:
        return await run(soak, count, sessions, busy)
    finally:
        await soak.close()


if __name__ == "__main__":
    options = rounds(str(__doc__), rounds=100, sessions=8, busy=2)
    with Soak.opened() as running:
        figures = asyncio.run(_main(running, options.rounds, options.sessions, options.busy))
    sys.exit(running.report("Kills of the daemon", figures))

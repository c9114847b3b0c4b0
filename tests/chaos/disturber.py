"""Kills, stops and upgrades processes."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import TYPE_CHECKING, Final

from kaimond import __version__, wire
from tests.chaos import processes

if TYPE_CHECKING:
    import random

    import psutil

    from tests.chaos.world import World

WEIGHTS: Final = {
    "kill julia": 4,
    "kill shim": 3,
    "kill daemon": 4,
    "kill daemon twice": 1,
    "stop julia": 4,
    "upgrade daemon": 3,
}

RECOVERY: Final = 30.0
"""Seconds in which the next daemon must be started and answer."""


class Disturber:
    """A source of disturbances, active until the run stops.

    Args:
        world: the run.
        pause: mean seconds between disturbances.
    """

    def __init__(self, world: World, pause: float) -> None:
        self._world = world
        self._pause = pause
        self._chance: random.Random = world.chance("disturber")
        self._stopped: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Disturb until the run stops."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._pause))
            if self._world.stop:
                break
            kind = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            await self._do(kind)
        await asyncio.gather(*self._stopped)

    async def _do(self, kind: str) -> None:
        match kind:
            case "kill julia":
                await self._kill_julia()
            case "kill shim":
                self._kill_shim()
            case "kill daemon":
                await self._kill_daemon()
            case "kill daemon twice":
                await self._kill_daemon()
                await asyncio.sleep(self._chance.uniform(0, 0.6))
                await self._kill_daemon()
            case "stop julia":
                await self._stop_julia()
            case _:
                self._upgrade()

    async def _pick(self) -> processes.Julia | None:
        found = await asyncio.to_thread(processes.julias, self._world.home)
        return self._chance.choice(sorted(found, key=lambda one: one.key)) if found else None

    async def _kill_julia(self) -> None:
        victim = await self._pick()
        if victim:
            # Recorded before the kill, because the daemon may report it before we could.
            self._world.keys.killed.add(victim.key)
            self._world.act("disturber", f"kill julia {victim.key} pid {victim.process.pid}")
            self._world.done["kill julia"] += processes.send(victim.process, signal.SIGKILL)

    def _kill_shim(self) -> None:
        agent = self._chance.choice(self._world.agents)
        if agent.pid:
            self._world.act("disturber", f"kill shim of agent {agent.number} pid {agent.pid}")
            self._world.done["kill shim"] += 1
            agent.kill()

    async def _kill_daemon(self) -> None:
        daemon = processes.daemon(self._world.home)
        if daemon is None:
            return
        self._world.act("disturber", f"kill daemon pid {daemon.pid}")
        if processes.send(daemon, signal.SIGKILL):
            self._world.done["kill daemon"] += 1
            began = time.monotonic()
            if await answers(self._world, other_than=daemon.pid):
                self._world.recoveries.append(time.monotonic() - began)
            elif not await self._comes_if_wanted(daemon.pid, began):
                self._world.complain(f"no daemon answered within {RECOVERY:.0f} s of a kill")

    async def _comes_if_wanted(self, killed: int, since: float) -> bool:
        """Return whether a daemon came in time for the first request that needed one."""
        requests = [request for agent in self._world.agents for request in agent.requests]
        wanted = [max(request.sent, since) for request in requests if request.wants_daemon(since)]
        if not wanted:
            return True
        left = min(wanted) + RECOVERY - time.monotonic()
        return bool(await answers(self._world, other_than=killed, within=left))

    async def _stop_julia(self) -> None:
        victim = await self._pick()
        if victim is None:
            return
        seconds = self._chance.uniform(0.2, 4.0)
        self._world.act("disturber", f"stop julia {victim.key} for {seconds:.1f} s")
        if processes.send(victim.process, signal.SIGSTOP):
            self._world.done["stop julia"] += 1
            task = asyncio.create_task(self._continue(victim.process, seconds))
            self._stopped.add(task)
            task.add_done_callback(self._stopped.discard)

    @staticmethod
    async def _continue(process: psutil.Process, seconds: float) -> None:
        await asyncio.sleep(seconds)
        processes.send(process, signal.SIGCONT)

    def _upgrade(self) -> None:
        daemon = processes.daemon(self._world.home)
        if daemon:
            self._world.act("disturber", f"upgrade daemon pid {daemon.pid}")
            self._world.done["upgrade daemon"] += processes.send(daemon, signal.SIGHUP)


async def answers(world: World, *, other_than: int = 0, within: float = RECOVERY) -> int:
    """Wait until a daemon answers on the control socket; return its pid, 0 if none did in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        pid = await _version(str(world.home.paths.control_socket))
        if pid not in (0, other_than):
            return pid
        await asyncio.sleep(0.02)
    return 0


async def _version(path: str) -> int:
    """Return the pid of the daemon that answers on a socket now, or 0."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return 0
    try:
        hello = {"kaimon": wire.PROTOCOL, "version": __version__, "role": "ctl", "pid": 1}
        question = {"jsonrpc": "2.0", "id": 1, "method": "version", "params": {}}
        writer.write(json.dumps(hello).encode() + b"\n" + json.dumps(question).encode() + b"\n")
        async with asyncio.timeout(5):
            await reader.readline()
            return int(json.loads(await reader.readline())["result"]["pid"])
    except (OSError, ValueError, KeyError, TimeoutError):
        return 0
    finally:
        writer.close()

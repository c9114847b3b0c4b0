"""A whole run: phases of disturbed work, each followed by a check of the quiet system."""

from __future__ import annotations

import asyncio
import shutil
import time
import traceback
from typing import TYPE_CHECKING, Final

from tests.chaos import checks, processes
from tests.chaos.agent import Agent
from tests.chaos.disturber import Disturber, answers
from tests.chaos.script import Script
from tests.chaos.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

THREADS: Final = 8
"""Threads that the event loop's pool may have added since the baseline."""

DESCRIPTORS: Final = 3
"""Descriptors that may be open briefly, such as a log or a request being answered."""


async def run(
    home: Home,
    *,
    seed: int,
    seconds: float,
    agents: int = 8,
    projects: int = 4,
    phase: float = 30.0,
    pause: float = 2.0,
    least: int = 0,
) -> World:
    """Run chaos in a home and return what was observed.

    Args:
        home: a home without a running daemon; the agents' shims start one.
        seed: the seed of all randomness.
        seconds: duration of disturbed work, without the quiet checks.
        agents: number of agents.
        projects: number of projects.
        phase: seconds of work between two quiet checks.
        pause: mean seconds between disturbances.
        least: evals that must be done, however much longer a slow machine needs for them.
    """
    world = World(home, seed, [home.project(f"P{number}") for number in range(projects)])
    world.effects.mkdir()
    world.agents = [Agent(home, number, world.complain) for number in range(agents)]
    try:
        await _work(world, seconds, phase, least, Disturber(world, pause))
        checks.requests(world)
    except Exception:  # noqa: BLE001 - what was seen so far is worth more than the traceback alone
        world.complain(f"the run itself failed: {traceback.format_exc()}")
    finally:
        await asyncio.gather(*(agent.stop() for agent in world.agents))
    return world


async def _work(
    world: World, seconds: float, phase: float, least: int, disturber: Disturber
) -> None:
    await world.agents[0].start()
    await _one_session(world)
    baseline = await _measured(world)
    await asyncio.gather(*(agent.start() for agent in world.agents[1:]))
    scripts = [Script(world, agent) for agent in world.agents]
    left = seconds
    while (left > 0 or world.evals_done < least) and not world.violations:
        began = time.monotonic()
        await _phase(world, scripts, disturber, min(phase, left) if left > 0 else phase)
        left -= time.monotonic() - began
        # The last daemon may have died while nobody waited; the next call starts another one.
        await world.agents[0].again()
        ping = world.agents[0].call("ping", world.act("the end of a phase", "ping"))
        await world.agents[0].finish(ping)
        if not await answers(world):
            world.complain("no daemon answers, and nobody starts one")
            return
        await checks.quiet(world)
    await _end(world, baseline)


async def _phase(world: World, scripts: list[Script], disturber: Disturber, seconds: float) -> None:
    world.stop = False
    tasks = [asyncio.create_task(script.run()) for script in scripts]
    tasks.append(asyncio.create_task(disturber.run()))
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    world.stop = True
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _end(world: World, baseline: tuple[int, int, int]) -> None:
    """Shut everything down, and compare what is left with the baseline."""
    first = world.agents[0]
    await first.again()
    ping = await first.finish(first.call("ping", 0))
    for view in ping.structured.get("sessions", []):
        done = await first.finish(
            first.call("manage_repl", 0, command="shutdown", session=view["key"])
        )
        if done.failed:
            world.complain(f"{view['key']} could not be shut down: {done.text}")
    await asyncio.gather(*(agent.stop() for agent in world.agents[1:]))
    await checks.ended(world)
    _, descriptors, threads = await _measured(world)
    if descriptors > baseline[1] + DESCRIPTORS:
        world.complain(f"the daemon has {descriptors} descriptors; at first it had {baseline[1]}")
    if threads > baseline[2] + THREADS:
        world.complain(f"the daemon has {threads} threads; at first it had {baseline[2]}")
    await first.stop()


async def _one_session(world: World) -> None:
    """Start and end a session, so that what the daemon creates once and keeps exists."""
    agent = world.agents[0]
    path = str(world.projects[0])
    started = await agent.finish(agent.call("start_session", 0, project_path=path))
    world.saw(started.structured, started, acknowledged=True)
    key = started.structured["key"]
    await agent.finish(agent.call("manage_repl", 0, command="shutdown", session=key))


async def _measured(world: World) -> tuple[int, int, int]:
    """Return pid, descriptors and threads of the daemon, with one agent and no session."""
    agent = world.agents[0]
    await agent.finish(agent.call("ping", 0))
    await agent.finish(agent.call("start_session", 0))
    least = (0, 1_000_000, 1_000_000)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        daemon = processes.daemon(world.home)
        if daemon:
            seen = (daemon.pid, daemon.num_fds(), daemon.num_threads())
            least = min(least, seen, key=lambda one: one[1])
        await asyncio.sleep(0.5)
        if least[1] < 1_000_000 and time.monotonic() > end - 8:
            break
    return least


def keep(world: World, folder: Path) -> Path:
    """Copy what is needed to understand a violation into a new folder; return the folder."""
    kept = folder / f"chaos-{world.seed}"
    kept.mkdir(parents=True, exist_ok=True)
    words = [*world.violations, "", *world.trace]
    (kept / "trace.txt").write_text("\n".join(words), encoding="utf-8")
    shutil.copytree(world.home.paths.state, kept / "state", dirs_exist_ok=True)
    return kept

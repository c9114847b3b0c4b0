"""Compares the system with the model while it is quiet."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from tests.chaos import processes
from tests.chaos.model import sequence, variables
from tests.chaos.script import COUNTED

if TYPE_CHECKING:
    from tests.chaos.agent import Agent
    from tests.chaos.model import Request
    from tests.chaos.world import World

QUIET: Final = 60.0
"""Seconds for the agents' unfinished work to end."""

STATUS_BOUND: Final = 5.0
"""Seconds for `kaimonctl status`, including the start of its interpreter (N6)."""

FACTS: Final = ("key", "project", "name", "state", "generation", "boot_id", "pid")


async def quiet(world: World) -> None:
    """Check all that must hold while nothing is running."""
    world.note("check", "quiet")
    await _settled(world)
    status = await _ctl(world, "status", "--json")
    living: list[dict[str, Any]] = status["sessions"]
    await _views(world, living)
    await _processes(world, living)
    await _known(world)
    for view in living:
        await _variables(world, view)
    _effects(world)
    _logs(world)


def requests(world: World) -> None:
    """Check that every request of every agent has the answers that it must have (N5)."""
    now = time.monotonic()
    for agent in world.agents:
        for request in agent.requests:
            for sentence in request.complaints(now):
                world.complain(sentence)


async def ended(world: World) -> None:
    """Check, after all sessions were shut down, that nothing of them is left (N2)."""
    status = await _ctl(world, "status", "--json")
    if status["sessions"]:
        world.complain(f"sessions are left: {status['sessions']}")
    for key, process in await asyncio.to_thread(processes.marked, world.home):
        world.complain(f"process {process.pid} of session {key} is left")
    await _known(world)
    for directory in (world.home.paths.sockets, world.home.paths.spool):
        for file in directory.rglob("*"):
            world.complain(f"{file} is left")


async def _settled(world: World) -> None:
    """Wait until evals whose agents left have ended, and starts and stops too."""
    end = time.monotonic() + QUIET
    while True:
        status = await _ctl(world, "status", "--json")
        moving = [
            view
            for view in status["sessions"]
            if view["state"] != "ready" or view["health_word"] != "ok"
        ]
        if not moving:
            return
        if time.monotonic() > end:
            world.complain(f"not quiet after {QUIET:.0f} s: {moving}")
            return
        await asyncio.sleep(0.2)


async def _ctl(world: World, *arguments: str) -> dict[str, Any]:
    began = time.monotonic()
    done = await asyncio.to_thread(world.home.kaimonctl, *arguments)
    took = time.monotonic() - began
    if done.returncode != 0:
        world.complain(f"kaimonctl {' '.join(arguments)}: {done.returncode}: {done.stderr}")
        return {"sessions": []}
    if took > STATUS_BOUND:
        world.complain(f"kaimonctl {' '.join(arguments)} took {took:.1f} s")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def _ask(world: World, agent: Agent, tool: str, **arguments: Any) -> Request:
    await agent.again()
    request = await agent.finish(agent.call(tool, world.step, **arguments))
    world.note("check", f"{tool} by agent {agent.number}: {request.text[-300:]!r}")
    if request.orphaned:
        world.complain(f"the shim of agent {agent.number} ended while everything was quiet")
    return request


async def _views(world: World, living: list[dict[str, Any]]) -> None:
    """Check that ping, the lists of start_session and errors, and the database match kaimonctl."""
    expected = sorted(_facts(view) for view in living)
    keys = {view["key"] for view in living}
    for agent in world.agents[:2]:
        ping = await _ask(world, agent, "ping")
        seen = ping.structured.get("sessions", [])
        _compare(world, "ping", sorted(_facts(view) for view in seen), expected)
        listed = await _ask(world, agent, "start_session")
        rows = [view for row in listed.structured.get("projects", []) for view in row["sessions"]]
        _compare(world, "start_session's list", sorted(_facts(view) for view in rows), expected)
        error = await _ask(world, agent, "ex", e="1", session="ffffffff")
        named = set(re.findall(r"\b[0-9a-f]{8}\b(?= \()", error.text))
        if not error.failed or named != keys:
            world.complain(f"an error lists {sorted(named)}, there are {sorted(keys)}")
    stored = await asyncio.to_thread(_stored, world)
    for text in await asyncio.to_thread(_unfinished, world):
        world.complain(f"an eval has no end although nothing runs: {text[:200]}")
    # The end of an eval is stored at once, the session's record a while later.
    alive = [
        _facts(record | ({"state": "ready"} if record["state"] == "busy" else {}))
        for record in stored
        if not record["ended"]
    ]
    _compare(world, "the database", sorted(alive), expected)
    world.done["views compared"] += 1


def _facts(view: dict[str, Any]) -> list[Any]:
    return [view[fact] for fact in FACTS]


def _compare(world: World, who: str, said: list[list[Any]], expected: list[list[Any]]) -> None:
    if said != expected:
        world.complain(f"{who} says {said}, kaimonctl says {expected}")


def _stored(world: World) -> list[dict[str, Any]]:
    return [json.loads(text) for text in _column(world, "SELECT record FROM sessions")]


def _unfinished(world: World) -> list[str]:
    return _column(world, "SELECT eval FROM evals WHERE finished = 0")


def _column(world: World, question: str) -> list[str]:
    database = sqlite3.connect(f"file:{world.home.paths.database}?mode=ro", uri=True)
    try:
        return [text for (text,) in database.execute(question)]
    finally:
        database.close()


async def _known(world: World) -> None:
    """Check that every acknowledged key is alive as the same process, or dead with a reason."""
    sent = time.monotonic()
    answer = await _ctl(world, "sessions", "--all", "--json")
    now = time.monotonic()
    for view in answer["sessions"]:
        for sentence in world.keys.observe(view, sent, now):
            world.complain(sentence)
    names = [view["key"] for view in answer["sessions"]]
    if len(names) != len(set(names)):
        world.complain(f"a key is there twice: {names}")
    for sentence in world.keys.missing(names):
        world.complain(sentence)


async def _processes(world: World, living: list[dict[str, Any]]) -> None:
    """Check that there is one process per session, and no session without one (N2)."""
    recorded = {view["key"]: view["pid"] for view in living}
    end = time.monotonic() + 10
    while True:
        # What an ended session leaves behind is cleaned up in the background.
        found = await asyncio.to_thread(processes.julias, world.home)
        marked = await asyncio.to_thread(processes.marked, world.home)
        running = sorted((one.key, one.process.pid) for one in found)
        strays = [(key, process.pid) for key, process in marked if key not in recorded]
        if (running == sorted(recorded.items()) and not strays) or time.monotonic() > end:
            break
        await asyncio.sleep(0.2)
    if running != sorted(recorded.items()):
        world.complain(f"processes {running} do not agree with records {recorded}")
    if strays:
        world.complain(f"processes of dead sessions are left: {strays}")
    daemon = processes.daemon(world.home)
    if daemon and (dead := await asyncio.to_thread(processes.zombies, daemon)):
        world.complain(f"the daemon has zombies: {[process.pid for process in dead]}")


async def _variables(world: World, view: dict[str, Any]) -> None:
    """Check that a session's variables hold all that was reported done in this image (N4)."""
    said = await _ask(world, world.agents[0], "ex", e=COUNTED, session=view["key"], q=False)
    if said.failed or not said.answers:
        world.complain(f"session {view['key']} could not be asked: {said.text}")
        return
    image, _, numbers = said.text.splitlines()[0].strip('"').partition(" ")
    seen = [int(number) for number in numbers.split(",") if number]
    for sentence in variables(world.evals.values(), seen, image):
        world.complain(f"session {view['key']}: {sentence}")
    world.done["variables compared"] += len(seen)


def _effects(world: World) -> None:
    """Check that each eval's side effect happened as often as its answer allows (N4)."""
    for item in world.evals.values():
        file = world.effects / str(item.number)
        count = file.stat().st_size if file.exists() else 0
        for sentence in item.effect(count):
            world.complain(sentence)


def _logs(world: World) -> None:
    """Check that the sequences in the sessions' logs have no gaps (N3)."""
    for log in world.home.paths.session_logs.glob("*.log"):
        text = log.read_text(errors="replace")
        for block in re.findall(r"^--- eval .*?^---$", text, re.MULTILINE | re.DOTALL):
            numbers = sequence(block)
            if numbers != list(range(1, len(numbers) + 1)):
                world.complain(f"{log}: a hole in the sequence {numbers}")

"""An agent's work: start, evaluate, restart, shut down, cancel, look."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Final

from tests.chaos.model import BOUND

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.chaos.agent import Agent
    from tests.chaos.model import Evaluation, Request
    from tests.chaos.world import World

WEIGHTS: Final = {
    "start": 14,
    "quick": 24,
    "sleep": 10,
    "spin": 6,
    "print": 12,
    "throw": 5,
    "child": 2,
    "burst": 5,
    "cancel": 8,
    "restart": 5,
    "shutdown": 3,
    "ping": 6,
    "list": 3,
}

_COUNT: Final = """
isdefined(Main, :counted) || (global image = "$(getpid()).$(time_ns())"; global counted = Int[])
open(io -> print(io, "x"), "{effect}", "a")
push!(counted, {number})
"""
_BODY: Final = {
    "quick": "",
    "sleep": "sleep({seconds})",
    "spin": "let stop = time() + {seconds}; while time() < stop; end; end",
    "print": "for i in 1:{lines}; println(\"seq=\", lpad(i, 6, '0')); sleep(0.01); end",
    "throw": 'error("boom {number}")',
    "child": "run(`sleep 1000`; wait = false)",
}
COUNTED: Final = 'isdefined(Main, :counted) ? "$image $(join(counted, \',\'))" : "none "'
"""Code whose value is the session's counter variable."""


class Script:
    """The work of one agent, until the run stops.

    Args:
        world: the run.
        agent: the agent that works.
    """

    def __init__(self, world: World, agent: Agent) -> None:
        self._world = world
        self._agent = agent
        self._who = f"agent {agent.number}"
        self._chance: random.Random = world.chance(self._who)

    async def run(self) -> None:
        """Work until the run stops."""
        while not self._world.stop:
            await self._agent.again()
            kind = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            project = self._chance.choice(self._world.projects)
            self._world.done[kind] += 1
            await self._do(kind, project)
            await asyncio.sleep(self._chance.expovariate(8))
        await self._agent.again()

    async def _do(self, kind: str, project: Path) -> None:
        match kind:
            case "start":
                await self._start(project)
            case "restart" | "shutdown":
                await self._manage(kind, project)
            case "ping" | "list":
                await self._look(kind)
            case "burst":
                kinds = self._chance.choices(("quick", "print"), k=3)
                await asyncio.gather(*(self._evaluate(one, project) for one in kinds))
            case "cancel":
                await self._evaluate("sleep", project, cancel=True)
            case _:
                await self._evaluate(kind, project)

    async def _key(self, project: Path) -> str:
        if project not in self._world.current:
            await self._start(project)
        return self._world.current.get(project, "")

    async def _start(self, project: Path) -> None:
        step = self._world.act(self._who, f"start {project.name}")
        request = await self._agent.finish(
            self._agent.call("start_session", step, project_path=str(project))
        )
        self._told(request)
        if request.answers and not request.failed:
            view = request.structured
            self._world.saw(view, request, acknowledged=True)
            self._world.current[project] = view["key"]
            if view["project"] != str(project) or view["pwd"] != str(project):
                self._world.complain(f"{project} was started in {view['pwd']}")

    async def _manage(self, command: str, project: Path) -> None:
        key = await self._key(project)
        if not key:
            return
        step = self._world.act(self._who, f"{command} {project.name} {key}")
        request = await self._agent.finish(
            self._agent.call("manage_repl", step, command=command, session=key)
        )
        self._told(request)
        if request.answers and not request.failed:
            self._world.saw(request.structured, request, acknowledged=command == "restart")
            if command == "shutdown" and not request.structured["ended"]:
                self._world.complain(f"step {step}: {key} was shut down and has not ended")
            if command == "restart" and request.structured["boot_id"] not in request.text:
                # The session may have been restarted or ended again before this check.
                self._world.note(self._who, f"#{step} was overtaken")

    async def _look(self, kind: str) -> None:
        step = self._world.act(self._who, kind)
        tool = "ping" if kind == "ping" else "start_session"
        request = await self._agent.finish(self._agent.call(tool, step))
        self._told(request)
        if not request.answers or request.failed:
            return
        if kind == "ping":
            seen = request.structured["sessions"]
        else:
            rows = request.structured["projects"]
            seen = [view for row in rows for view in row["sessions"]]
        for view in seen:
            self._world.saw(view, request)

    async def _evaluate(self, kind: str, project: Path, *, cancel: bool = False) -> None:
        key = await self._key(project)
        if not key:
            return
        number = len(self._world.evals) + 1
        seconds = round(self._chance.uniform(0.1, 2.0), 2)
        lines = self._chance.randint(1, 120) if kind == "print" else 0
        wanted = "cancel" if cancel else kind
        step = self._world.act(self._who, f"eval {number} {wanted} {project.name} {key}")
        effect = self._world.effects / str(number)
        values = {"number": number, "effect": effect, "seconds": seconds, "lines": lines}
        code = (_COUNT + _BODY[kind]).format(**values) + f'\n"done {number} $image"'
        pending = self._agent.call("ex", step, e=code, session=key, q=False, max_output=20_000)
        item = self._world.new_eval(pending.request, lines=lines, throws=kind == "throw")
        assert item.number == number
        if cancel:
            await asyncio.sleep(self._chance.uniform(0, 1.5))
            self._agent.cancel(pending)
        request = await self._agent.finish(pending)
        self._told(request)
        if item.verdict == "background":
            item.request = request = await self._checked(item)
        if request.answers:
            for sentence in item.answered():
                self._world.complain(sentence)

    async def _checked(self, item: Evaluation) -> Request:
        """Ask repeatedly for the result of an eval in the background, until there is one."""
        ident, end = item.request.eval_id, time.monotonic() + BOUND
        while True:
            await asyncio.sleep(1)
            pending = self._agent.call("check_eval", item.request.step, eval_id=ident)
            request = await self._agent.finish(pending)
            if request.orphaned or request.failed or not request.answers:
                return request
            head, _, rest = request.text.partition("\n")
            ended = re.fullmatch(rf"Eval {ident} in session \w+: (\w+)\.", head)
            if ended:
                request.failed, request.text = ended[1] != "done", rest
                return request
            if time.monotonic() > end:
                self._world.complain(f"eval {item.number} has no end: {request.text}")
                return request

    def _told(self, request: Request) -> None:
        words = "; ".join(request.text.splitlines())[-160:] if request.answers else "no answer"
        mark = " (error)" if request.failed else ""
        self._world.note(self._who, f"   answer to #{request.step}{mark}: {words}")
        # Act as an agent that reads its answers: do not use a dead key again.
        gone = re.search(r"\bSession ([0-9a-f]{8}) .*\bended at ", request.text)
        if request.failed and gone:
            for project, key in list(self._world.current.items()):
                if key == gone[1]:
                    del self._world.current[project]

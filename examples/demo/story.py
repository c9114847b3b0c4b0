"""The story: what is told, and what must be true for it to be told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from agents import Agent, agent, text
from agents import facts as facts_of
from find_or_fetch import NoJuliaError
from narrator import Narrator
from stage import Stage

if TYPE_CHECKING:
    import mcp_types as types

GREETING: Final = "Hello, from scripts/hello.jl!"
READINGS: Final = "12"
WARMEST: Final = "12.8"
FRAMES: Final = 2
"""Stack frames of the error that is provoked: the function that threw, and the line that called."""

WITHOUT_INITIALIZE: Final = "2026-07-28"
"""The version of MCP that does without; those before it sort before it."""

LIMIT: Final = 180.0
"""Seconds for the whole story; it takes about 10."""


def main() -> int:
    """Tell the story; return 0 if all of it was true."""
    narrator = Narrator(sys.stdout)
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # asyncio ends its tasks in order for ^C only, so the others become one.
        signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        stage = Stage()
    except NoJuliaError as error:
        advice = "`make julia` finds a Julia, or fetches one."
        narrator.failed("There is no Julia to tell the story with.", f"{error}\n{advice}")
        return 1
    except (OSError, subprocess.SubprocessError) as error:
        narrator.failed("The demo could not prepare its temporary home.", str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        asyncio.run(_tell(stage, narrator))
        stage.remove()
        narrator.claim("the temporary home is removed", not stage.home.exists(), stage.home)
        narrator.end(f"All of it was as told, in {time.monotonic() - began:.0f} s.")
    except KeyboardInterrupt:
        narrator.failed("Interrupted. Everything is being removed.")
        return 130
    except Exception as error:  # noqa: BLE001 - a reader gets words, whatever happens
        _explain(error, stage, narrator)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stage.remove()
    return 0


def _explain(error: Exception, stage: Stage, narrator: Narrator) -> None:
    log = f"\n\nThe end of the daemon's log:\n{stage.log_tail(15)}"
    if narrator.broken:
        found = narrator.broken.found
        narrator.failed(f"This claim is broken: {narrator.broken.claim}", f"found: {found}{log}")
    else:
        narrator.failed("The story could not go on.", f"{type(error).__name__}: {error}{log}")


async def _tell(stage: Stage, narrator: Narrator) -> None:
    narrator.say(
        f"Two agents share one Julia. Everything here is real and happens in {stage.home}: a home "
        f"with a daemon and a Julia depot of its own. With {stage.julia}."
    )
    async with asyncio.timeout(LIMIT):
        _allow(stage, narrator)
        async with agent("agent one", stage, narrator, "legacy") as one:
            key = await _start(one, stage, narrator)
            await _evaluate(one, stage, narrator)
            async with agent("agent two", stage, narrator, "auto") as two:
                await _share(two, stage, narrator, key)
                await _fail(two, narrator, key)
                _look(stage, narrator, key)
                await _shut_down(one, two, narrator, key)
    _end(stage, narrator)


def _allow(stage: Stage, narrator: Narrator) -> None:
    narrator.scene(
        "You allow a project",
        "Agents can start Julia only in projects that you have put on a list.",
    )
    _kaimonctl(stage, narrator, "project", "allow", str(stage.project))
    listed = stage.run("kaimonctl", "project", "list").stdout
    narrator.claim("the project is on the list", str(stage.project) in listed, listed)


async def _start(one: Agent, stage: Stage, narrator: Narrator) -> str:
    narrator.scene(
        "An agent asks for a session",
        "Its MCP client has started kaimon-mcp, and that has started the daemon, which starts "
        "Julia.",
    )
    answer = await one.call("start_session", project_path=str(stage.project))
    facts = facts_of(answer)
    key = str(facts.get("key", ""))
    narrator.claim(
        "the session has a key of 8 hex digits", re.fullmatch("[0-9a-f]{8}", key), text(answer)
    )
    narrator.claim("it is ready", facts.get("state") == "ready", facts)
    narrator.claim(
        "this agent speaks MCP of the kind that begins with `initialize`",
        one.protocol < WITHOUT_INITIALIZE,
        one.protocol,
    )
    return key


async def _evaluate(one: Agent, stage: Stage, narrator: Narrator) -> None:
    narrator.scene(
        "It works there",
        "ex evaluates code as Julia's REPL does. The session starts in the project's directory, "
        "with its environment active.",
    )
    shown = await one.value("1 + 1")
    narrator.claim("the value comes back", shown == "2", shown)
    shown = await one.value("pwd()")
    narrator.claim("it is in the project's directory", shown == f'"{stage.project}"', shown)
    shown = await one.value('include("scripts/hello.jl")')
    # From Julia 1.11 on it is told before that what was precompiled for a first `using`.
    narrator.claim("paths are relative to it", GREETING in shown.splitlines(), shown)
    narrator.claim("output comes first, then the value", "Summary of 12 readings" in shown, shown)
    shown = await one.value("station = read_log(MyPkg.sample_log()); length(station)")
    narrator.claim(f"`station` holds {READINGS} readings now", shown == READINGS, shown)


async def _share(two: Agent, stage: Stage, narrator: Narrator, key: str) -> None:
    narrator.scene(
        "Another agent joins",
        "It has a kaimon-mcp of its own and asks for the same project.",
    )
    answer = await two.call("start_session", project_path=str(stage.project))
    facts = facts_of(answer)
    narrator.claim("it gets the same session", facts.get("key") == key, text(answer))
    narrator.claim(
        f"it speaks MCP {WITHOUT_INITIALIZE}, which has no `initialize`",
        two.protocol == WITHOUT_INITIALIZE,
        two.protocol,
    )
    shown = await two.value("maximum(reading.celsius for reading in station)")
    narrator.claim("it sees the variable of agent one", shown == WARMEST, shown)
    answer = await two.call("ping")
    sessions = facts_of(answer).get("sessions", [])
    narrator.claim(
        "there is one session, and it is well",
        [(one["key"], one["state"], one["health"]) for one in sessions] == [(key, "ready", "ok")],
        text(answer),
    )


async def _fail(two: Agent, narrator: Narrator, key: str) -> None:
    narrator.scene("Something goes wrong", "An error is an answer, with the frames that matter.")
    answer: types.CallToolResult = await two.call(
        "ex", e='parse_reading("2026-03-01T06:00:00 3K")', session=key
    )
    shown = text(answer)
    narrator.claim("the agent is told that it failed", answer.is_error, shown)
    narrator.claim("the error is Julia's own", "ArgumentError: unknown scale 'K'" in shown, shown)
    frames = re.findall(r"^ *\[\d+\]", shown, re.MULTILINE)
    narrator.claim(
        "the backtrace is short: your code, and no frame of ours",
        len(frames) == FRAMES and "readings.jl" in shown and "kaimon" not in shown.lower(),
        shown,
    )
    shown = await two.value("length(station)")
    narrator.claim("the session is as it was", shown == READINGS, shown)


def _look(stage: Stage, narrator: Narrator, key: str) -> None:
    narrator.scene("You look", "kaimonctl tells a person what is true at this moment.")
    shown = _kaimonctl(stage, narrator, "status")
    narrator.claim("it shows the session", key in shown, shown)
    narrator.claim("it shows both agents", "agent-one" in shown and "agent-two" in shown, shown)
    shown = _kaimonctl(stage, narrator, "log", "-n", "6")
    narrator.claim(
        "the log tells who did what, and no code", key in shown and "station" not in shown, shown
    )


async def _shut_down(one: Agent, two: Agent, narrator: Narrator, key: str) -> None:
    narrator.scene("The work is done", "The answer comes when Julia's process is gone.")
    answer = await one.call("manage_repl", command="shutdown", session=key)
    narrator.claim("the session is shut down", not answer.is_error, text(answer))
    answer = await two.call("ex", e="length(station)", session=key)
    narrator.claim(
        "whoever asks for it later is told how it ended",
        answer.is_error and "exited with code 0" in text(answer),
        text(answer),
    )


def _end(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("Nothing is left", "The agents have gone. The daemon would stay for the next.")
    _kaimonctl(stage, narrator, "stop")
    left = stage.wait_until_empty()
    narrator.claim("no process of it is left: no shim, no daemon, no Julia", not left, left)
    sockets = stage.sockets()
    narrator.claim("no socket is left", not sockets, sockets)


def _kaimonctl(stage: Stage, narrator: Narrator, *arguments: str) -> str:
    narrator.call("$", f"kaimonctl {' '.join(arguments)}")
    done = stage.run("kaimonctl", *arguments)
    narrator.answer(done.stdout)
    if done.returncode:
        narrator.claim(f"kaimonctl {arguments[0]} succeeds", kept=False, found=done.stdout)
    return done.stdout

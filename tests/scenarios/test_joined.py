"""A person's own Julia joins, is used by an agent beside the person, and stays the person's."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import agent
from tests.support.home import CHECKOUT
from tests.support.terminal import DEADLINE, Terminal
from tests.support.wait import until, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.agent import Agent
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]

PACKAGES = CHECKOUT / "kaimond" / "julia"
JOINED = re.compile(r"the session ([0-9a-f]{8})\.")


def person(home: Home) -> dict[str, str]:
    """The environment of a person who has put Kaimon on Julia's load path."""
    return home.env | {"JULIA_LOAD_PATH": f":{PACKAGES}"}


def real(path: Path) -> str:
    """The path without links, as macOS has in front of its temporary folders."""
    return str(path.resolve())


def julia(home: Home) -> str:
    found = shutil.which("julia", path=home.env["PATH"])
    assert found
    return found


def session(home: Home, key: str) -> dict[str, Any] | None:
    """What `kaimonctl status` says of a session, if it lives."""
    for one in home.status()["sessions"]:
        if one["key"] == key:
            found: dict[str, Any] = one
            return found
    return None


async def sees(one: Agent, key: str, **facts: Any) -> dict[str, Any]:
    """Wait until an agent is told these facts of a session."""

    async def told() -> dict[str, Any] | None:
        for seen in await one.sessions():
            if seen["key"] == key and facts.items() <= seen.items():
                return seen
        return None

    found: dict[str, Any] = await until(told, DEADLINE)
    return found


@pytest.fixture
def known(home: Home) -> Home:
    """A home where a daemon has run once, so that a REPL finds libzmq; none runs now."""
    daemon = home.start_daemon()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(DEADLINE)
    return home


@pytest.fixture
def repl(known: Home) -> Iterator[Terminal]:
    """A person's REPL at its first prompt, in a project of theirs that agents may not start."""
    project = known.project("Mine", allowed=False)
    command = [julia(known), "--quiet", "--startup-file=no", "--project=."]
    with Terminal(command, person(known), project) as made:
        made.reads("julia> ")
        yield made


@pytest.mark.smoke
async def test_a_repl_joins_is_shared_interrupted_restarted_and_leaves(
    known: Home, repl: Terminal
) -> None:
    project = known.path / "Mine"

    # It joins although no daemon runs, and the prompt is back at once.
    repl.enter("using Kaimon; Gate.serve(allow_mirror=false)")
    repl.reads("Agents can use this process")
    joined = JOINED.search(repl.screen)
    assert joined
    key = joined[1]
    repl.enter("mine = 20 + 1")
    repl.reads("21")
    assert (known.paths.sockets / f"{key}.json").stat().st_mode & 0o777 == 0o600

    daemon = known.start_daemon()
    async with agent(known) as one:
        seen = await sees(one, key, state="ready")
        assert (seen["pid"], seen["spawned_by"]) == (repl.pid, "user")
        assert seen["project"] == real(project)
        shown = session(known, key)
        assert shown
        assert shown["pid"] == repl.pid
        repl.enter("Gate.status()")
        repl.reads(f"session {key} of")
        repl.reads("a daemon last spoke to it")
        repl.enter("Gate.serve()")
        repl.reads("already")

        await shares_main(one, repl)
        await takes_turns(one, repl, project)
        await leaves_the_person_alone(one, repl, project)
        # In this order: for half a second after it has thrown by force, Julia ignores every ^C.
        await keeps_control_c(one, repl)
        await is_interrupted(one, repl)
        await is_restarted(one, repl, key)

        # A killed daemon changes nothing for the person; the next one finds the session again.
        await one.ok("ex", e="kept = 5")
        daemon.kill()
        daemon.wait()
        repl.enter("kept + 100")
        repl.reads("105")
    known.start_daemon()
    async with agent(known) as one:
        await sees(one, key, generation=3, state="ready")
        assert await one.value("kept") == "5"

        # It leaves with exit().
        repl.enter("exit()")
        assert repl.process.wait(DEADLINE) == 0

        async def gone() -> bool:
            return await one.sessions() == []

        await until(gone, DEADLINE)
        said = await one.refused("ex", e="1", session=key)
        assert "exited in order" in said
        assert session(known, key) is None
    assert not list(known.paths.sockets.iterdir())


async def shares_main(one: Agent, repl: Terminal) -> None:
    """One Main for both, and only what the agent's eval prints is in its answer."""
    assert await one.value("mine * 2") == "42"
    said = await one.ok("ex", e='theirs = 7; println("the agent\'s words"); run(`echo child`)')
    assert "the agent's words" in said
    assert "child" in said
    repl.enter("theirs + 1000")
    repl.reads("1007")
    assert "the agent's words" not in repl.screen
    assert await one.value("readline()") == '""'


async def takes_turns(one: Agent, repl: Terminal, project: Path) -> None:
    """The person's input comes after an agent's code that runs, and their output is apart."""
    waits = (
        'println("begins"); touch("began"); while !isfile("go") sleep(0.05) end; println("ends")'
    )
    running = asyncio.create_task(one.ok("ex", e=waits))
    await until((project / "began").exists, DEADLINE)
    repl.enter('println("typed ", 1 + 1)')
    repl.reads("your input is next")
    assert "typed 2" not in repl.screen
    (project / "go").touch()
    said = await running
    repl.reads("typed 2")
    assert "begins\nends" in said
    assert "typed" not in said
    assert "begins\n" not in repl.screen


async def leaves_the_person_alone(one: Agent, repl: Terminal, project: Path) -> None:
    """An eval waits behind the person's code, and its cancellation does not hit that."""
    repl.enter('touch("mine1"); while !isfile("go1") sleep(0.05) end; "per" * "son waited"')
    await until((project / "mine1").exists, DEADLINE)
    behind = asyncio.create_task(one.call("ex", e="never = 1"))

    async def busy() -> bool:
        return bool((await one.sessions())[0]["eval"])

    await until(busy, DEADLINE)
    said = await one.ok("manage_repl", command="interrupt")
    assert "was interrupted" in said
    await behind
    (project / "go1").touch()
    repl.reads("person waited")
    assert await one.value("@isdefined never") == "false"

    repl.enter('touch("mine2"); while !isfile("go2") end; "per" * "son computed"')
    await until((project / "mine2").exists, DEADLINE)
    behind = asyncio.create_task(one.call("ex", e="after = 2"))
    await until(busy, DEADLINE)
    said = await one.refused("manage_repl", command="interrupt")
    assert "left alone" in said
    (project / "go2").touch()
    repl.reads("person computed")
    await behind


async def is_interrupted(one: Agent, repl: Terminal) -> None:
    """Code of an agent that computes for ever is interrupted, and the prompt is as it was."""
    running = asyncio.create_task(one.call("ex", e="while true end"))

    async def busy() -> bool:
        return bool((await one.sessions())[0]["eval"])

    await until(busy, DEADLINE)
    said = await one.ok("manage_repl", command="interrupt")
    assert "was interrupted" in said
    await running
    repl.enter('"prompt " * "lives"')
    repl.reads("prompt lives")


async def keeps_control_c(one: Agent, repl: Terminal) -> None:
    """The person's ^C interrupts the person's code, whichever task of Julia waited last."""
    repl.enter('println("sleeps ", "now"); sleep(10_000)')
    repl.reads("sleeps now")
    await one.sessions()
    repl.type("\x03")
    repl.reads("InterruptException")
    repl.enter('"and " * "on"')
    repl.reads("and on")
    assert await one.value("1 + 1") == "2"


async def is_restarted(one: Agent, repl: Terminal, key: str) -> None:
    """By an agent and by the person: the same key, process and terminal, and nothing in memory."""
    prompts = repl.screen.count("julia> ")
    said = await one.ok("manage_repl", command="restart")
    assert "generation 2" in said
    assert f"same process {repl.pid}" in said
    repl.reads("julia> ", prompts + 1)
    assert await one.value("@isdefined mine") == "false"
    repl.enter('"new " * "image"')
    repl.reads("new image")
    repl.enter("Gate.restart()")
    seen = await sees(one, key, generation=3, state="ready")
    assert seen["pid"] == repl.pid
    assert await one.value("basename(pwd())") == '"Mine"'
    repl.enter('"third " * "image"')
    repl.reads("third image")


SCRIPT = """
using Kaimon
Gate.serve()
key = Gate.serve(force=true, name="script", on_shutdown=() -> println("the hook ran"))
println("key ", key)
flush(stdout)
flush(stderr)
let n = 0
    while true
        sleep(0.05)
        n += 1
        println("line ", n)
        flush(stdout)
    end
end
"""


def started(home: Home, project: Path, log: Path) -> subprocess.Popen[bytes]:
    """The script, as it would run from a shell with its output sent to a file."""
    with log.open("wb") as out:
        return subprocess.Popen(
            [julia(home), "--startup-file=no", "--project=.", "work.jl"],
            cwd=project,
            env=person(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


async def test_a_script_joins_when_forced_goes_on_and_is_shut_down_by_an_agent(
    daemon_home: Home,
) -> None:
    project = daemon_home.project("Work", allowed=False)
    (project / "work.jl").write_text(SCRIPT, encoding="utf-8")
    log = project / "out"
    process = started(daemon_home, project, log)
    try:
        found = wait_until(
            lambda: re.search(r"^key ([0-9a-f]{8})$", log.read_text(), re.MULTILINE), DEADLINE
        )
        assert found
        key = found[1]
        assert "opens no gate in a process without a prompt" in log.read_text()
        async with agent(daemon_home) as one:
            await sees(one, key, state="ready", name="script")
            before = log.read_text().count("line")
            # It prints on, to where it printed, while the agent's code runs.
            said = await one.ok(
                "ex",
                e=f'while count("line", read("{log}", String)) < {before + 5} sleep(0.05) end; '
                'println("of an agent")',
            )
            assert "of an agent" in said
            assert "line" not in said
            said = await one.ok("manage_repl", command="shutdown")
            assert "shut down" in said
            assert await one.sessions() == []
        assert process.wait(DEADLINE) == 0
        assert "the hook ran" in log.read_text()
        assert "of an agent" not in log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
async def test_in_a_real_terminal_the_person_and_the_agent_see_the_same(daemon_home: Home) -> None:
    project = daemon_home.project("Mine", allowed=False)
    env = person(daemon_home) | {"TERM": "xterm"}

    def tmux(*words: str) -> str:
        socket = str(daemon_home.path / "tmux")
        done = subprocess.run(
            ["tmux", "-S", socket, "-f", os.devnull, *words],
            env=env,
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE,
        )
        return done.stdout

    def screen() -> str:
        return tmux("capture-pane", "-p", "-t", "person")

    def enter(line: str) -> None:
        tmux("send-keys", "-t", "person", "-l", line)
        tmux("send-keys", "-t", "person", "Enter")

    tmux("new-session", "-d", "-s", "person", "-x", "150", "-y", "40",
         f"{julia(daemon_home)} --quiet --startup-file=no --project=.")  # fmt: skip
    try:
        wait_until(lambda: "julia>" in screen(), DEADLINE)
        enter("using Kaimon; Kaimon.connect!(allow_mirror=false)")
        found = wait_until(lambda: JOINED.search(screen()), DEADLINE)
        assert found
        key = found[1]
        async with agent(daemon_home) as one:
            await sees(one, key, state="ready")
            await one.ok("ex", e='shared = "seen by both"')
            enter("uppercase(shared)")
            wait_until(lambda: "SEEN BY BOTH" in screen(), DEADLINE)
            assert await one.value("shared") == '"seen by both"'
            enter("Gate.stop()")
            wait_until(lambda: "goes on without agents" in screen(), DEADLINE)

            async def gone() -> bool:
                return await one.sessions() == []

            await until(gone, DEADLINE)
            assert "Gate.stop()" in await one.refused("ex", e="1", session=key)
            enter('"still " * "mine"')
            wait_until(lambda: "still mine" in screen(), DEADLINE)
            enter("exit()")
            wait_until(lambda: not has_session(tmux), DEADLINE)
    finally:
        if has_session(tmux):
            tmux("kill-server")


def has_session(tmux: Any) -> bool:
    """Whether the program in tmux still runs; tmux ends with it."""
    try:
        tmux("has-session", "-t", "person")
    except subprocess.CalledProcessError:
        return False
    return True

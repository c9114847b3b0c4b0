"""A person at a session's terminal, with agents beside them and everything going wrong in turn."""

from __future__ import annotations

import asyncio
import shutil
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.agent import agent, text
from tests.support.home import CHECKOUT, PROGRAMS
from tests.support.screen import PATIENCE, Screen
from tests.support.terminal import Terminal
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.support.agent import Agent
    from tests.support.home import Home

PROMPT = "julia> "
DETACH = "\x1d"


class Person(Screen):
    """Somebody who runs `kaimonctl attach`."""

    def __init__(self, home: Home, *arguments: str) -> None:
        super().__init__([str(PROGRAMS / "kaimonctl"), "attach", *arguments], home.env)

    async def sees(self, wanted: str, timeout: float = PATIENCE) -> str:
        """The same as `expect`, while others do their part."""
        return await asyncio.to_thread(self.expect, wanted, timeout)

    async def asks(self, code: str) -> str:
        """Enter a line; return what is shown before the next prompt."""
        self.enter(code)
        return await self.sees("\n\n" + PROMPT)

    async def leaves(self, code: int) -> None:
        """Wait until the program has ended, and see that the terminal is as it was."""
        assert await asyncio.to_thread(self.wait) == code, self.text
        assert self.restored()


class Turn:
    """Code that says when it has begun and runs until it is told to end."""

    def __init__(self, home: Home, name: str) -> None:
        self._begun = home.path / f"begun-{name}"
        self._end = home.path / f"end-{name}"

    def code(self, last: str) -> str:
        """The code, and what it does last."""
        wait = f'while !isfile("{self._end}") sleep(0.02) end'
        return f'touch("{self._begun}"); {wait}; {last}'

    async def began(self) -> None:
        """Wait until it runs."""
        await until(self._begun.exists)

    def end(self) -> None:
        """Let it end."""
        self._end.touch()


def calm(processes: list[psutil.Process]) -> bool:
    """Whether all of these together use little of one second of a processor."""
    before = [process.cpu_times() for process in processes]
    gone, _ = psutil.wait_procs(processes, 1)
    assert not gone, "one of them has ended"
    after = [process.cpu_times() for process in processes]
    used = sum(b.user + b.system - a.user - a.system for a, b in zip(before, after, strict=True))
    return used < 0.3


async def running(one: Agent, state: str) -> None:
    async def is_so() -> bool:
        return bool((await one.sessions())[0]["state"] == state)

    await until(is_so)


@pytest.mark.smoke
@pytest.mark.timeout(400)
@pytest.mark.julia
async def test_a_person_and_agents_work_side_by_side(daemon_home: Home) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        await one.ok("ex", e="shared = 41", s=True)
        with Person(daemon_home, key) as person:
            await shares_its_state(person, one)
            await sees_what_agents_do(person, one, daemon_home, str(project))
            await takes_turns_with_agents(person, one, daemon_home, key)
            await interrupts_only_what_is_the_persons(person, one, daemon_home)
            with Person(daemon_home, key) as other:
                await has_its_own_output(person, other)
            person.type("\x04")
            await person.sees("goes on.")
            await person.leaves(0)


@pytest.mark.timeout(400)
@pytest.mark.julia
async def test_a_terminal_outlives_everything_but_the_session_and_harms_nothing(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        with Person(daemon_home, key) as person:
            await person.sees(PROMPT)
            await survives_a_restart(person, one, key)
            await survives_the_daemon(person, one, daemon_home, key)
        await leaves_nothing_spinning(one, daemon_home)
        with Person(daemon_home, key) as again:
            await finds_its_state_and_its_history(again)
            done = daemon_home.kaimonctl("shutdown", key)
            assert done.returncode == 0, done.stderr
            await again.sees(f"Session {key} has ended")
            await again.leaves(1)
        with Person(daemon_home, key) as late:
            await late.sees("ended at")
            await late.leaves(1)


async def shares_its_state(person: Person, one: Agent) -> None:
    await person.sees("^] detaches")
    await person.sees(PROMPT)
    assert (await person.asks("shared + 1")).endswith("42")
    assert await one.value("ans", s=True) == "42"


async def sees_what_agents_do(person: Person, one: Agent, home: Home, project: str) -> None:
    await one.ok("ex", e='println("told"); 6 * 7', q=False)
    await person.sees("agent> println")
    await person.sees("told\n42\n")
    await person.sees(PROMPT)
    done = home.kaimonctl("prefs", "set", project, "mirror_repl", "false")
    assert done.returncode == 0, done.stderr
    await one.ok("ex", e="not_for_the_screen = 1")
    assert (await person.asks("not_for_the_screen + 1")).endswith("2")
    assert "agent> not" not in person.text


async def takes_turns_with_agents(person: Person, one: Agent, home: Home, key: str) -> None:
    turn = Turn(home, "one")
    evaluating = asyncio.create_task(one.call("ex", e=turn.code('println("ends")'), s=True))
    await turn.began()
    person.enter('println("mine", "alone")')
    await person.sees("waiting for an agent's eval …")
    assert "minealone" not in person.text
    turn.end()
    said = text(await evaluating)
    assert "ends" in said
    assert "minealone" not in said
    await person.sees("minealone\n")
    await person.sees(PROMPT)

    turn = Turn(home, "two")
    person.enter(turn.code("taken = 1;"))
    await turn.began()
    behind = asyncio.create_task(one.call("ex", e="taken", q=False, s=True))

    def waits() -> bool:
        seen = home.status()["sessions"][0]
        return bool(seen["queued"] or seen["eval"])

    await until(lambda: asyncio.to_thread(waits))
    turn.end()
    assert text(await behind).startswith("1")
    await person.sees("\n\n" + PROMPT)

    # Code that computes lets no line editor run, so the daemon says what is going on.
    spinning = asyncio.create_task(one.call("ex", e="while true end", s=True))
    await running(one, "busy")
    person.type("1 + ")
    await until(lambda: told_to_wait(person))
    assert home.kaimonctl("interrupt", key).returncode == 0
    await spinning
    person.enter("1")
    await person.sees("\n2\n\n" + PROMPT)


def told_to_wait(person: Person) -> bool:
    """Whether a key without an echo has been explained; the code may not compute yet."""
    person.type(" ")
    try:
        person.expect("[kaimond] waiting for an agent's eval", 1)
    except AssertionError:
        return False
    return True


async def interrupts_only_what_is_the_persons(person: Person, one: Agent, home: Home) -> None:
    for code in ("sleep(100)", "while true end"):
        person.enter(f'println("be", "gun"); {code}')
        await person.sees("begun")
        person.type("\x03")
        await person.sees("InterruptException")
        await person.sees("\n\n" + PROMPT)
    turn = Turn(home, "three")
    evaluating = asyncio.create_task(one.call("ex", e=turn.code(":agents"), q=False, s=True))
    await turn.began()
    person.enter("never = 1")
    await person.sees("waiting for an agent's eval …")
    person.type("\x03")
    await person.sees("it was not evaluated")
    turn.end()
    assert ":agents" in text(await evaluating)
    assert (await one.value("@isdefined never", s=True)).startswith("false")
    # At the prompt it is a key.
    person.type("dropped\x03")
    await person.sees("^C")
    await person.sees(PROMPT)


async def has_its_own_output(person: Person, other: Person) -> None:
    await other.sees(PROMPT)
    other.resize(33, 71)
    other.process.send_signal(signal.SIGWINCH)

    async def resized() -> bool:
        return "(33, 71)" in await other.asks("displaysize(stdout)")

    await until(resized)
    assert "\nelsewhere" in await other.asks('println("else", "where")')
    assert "elsewhere" not in person.text
    other.type(DETACH)
    await other.sees("Detached.")
    await other.leaves(0)


async def survives_a_restart(person: Person, one: Agent, key: str) -> None:
    assert "(30, 100)" in await person.asks("lost = displaysize(stdout)")
    await one.ok("manage_repl", command="restart", session=key)
    await person.sees("the session restarts")
    await person.sees("generation 2")
    await person.sees(PROMPT)
    assert "UndefVarError" in await person.asks("lost")
    assert "kept" in await person.asks("state = :kept")


async def survives_the_daemon(person: Person, one: Agent, home: Home, key: str) -> None:
    turn = Turn(home, "four")
    person.enter(turn.code('println("unseen"); finished = :yes'))
    await turn.began()
    (daemon,) = home.daemons
    daemon.kill()
    await asyncio.to_thread(daemon.wait)
    await person.sees("The connection to kaimond broke")
    await person.sees(f"attached to session {key}")
    # What the next daemon knows of a line whose terminal is gone.
    await running(one, "busy")
    turn.end()
    await person.sees(PROMPT)
    assert ":kept" in await person.asks("state")
    await interrupts_what_nobody_can_see(person, one, home, key)
    assert ":yes" in await person.asks("finished")
    assert await one.value("finished", s=True) == ":yes"


async def interrupts_what_nobody_can_see(person: Person, one: Agent, home: Home, key: str) -> None:
    turn = Turn(home, "five")
    with Person(home, key) as other:
        await other.sees(PROMPT)
        other.enter(turn.code("never = 1"))
        await turn.began()
    said = home.kaimonctl("interrupt", key)
    assert (said.returncode, said.stdout) == (
        0,
        f"What was entered at a terminal of session {key}: interrupted.\n",
    )
    await running(one, "ready")
    assert "false" in await person.asks("@isdefined never")


async def leaves_nothing_spinning(one: Agent, home: Home) -> None:
    """The window was closed a moment ago."""
    julia = [p for p in home.processes() if "KAIMON_SESSION" in p.environ()]
    daemon = psutil.Process(home.announced())
    await until(lambda: asyncio.to_thread(calm, [*julia, daemon]))
    assert await one.value("1 + 1") == "2"


async def finds_its_state_and_its_history(person: Person) -> None:
    await person.sees(PROMPT)
    person.type("\x1b[A")
    await person.sees("finished")
    person.enter("")
    await person.sees(":yes\n\n" + PROMPT)


@pytest.mark.timeout(400)
@pytest.mark.julia
async def test_a_joined_repl_shows_what_agents_do_and_keeps_its_own_terminal(
    daemon_home: Home,
) -> None:
    project = daemon_home.project("Mine", allowed=False)
    julia = shutil.which("julia", path=daemon_home.env["PATH"])
    assert julia
    command = [julia, "--quiet", "--startup-file=no", "--project=."]
    env = {**daemon_home.env, "JULIA_LOAD_PATH": f":{CHECKOUT / 'kaimond' / 'julia'}"}
    with Terminal(command, env, project) as repl:
        repl.reads(PROMPT)
        repl.enter("using Kaimon; Gate.serve()")
        repl.reads("Agents can use this process")
        async with agent(daemon_home) as one:
            await until(one.sessions, PATIENCE)
            await running(one, "ready")
            repl.type("half_typ")
            await one.ok("ex", e='println("told"); 6 * 7', q=False)
            repl.reads("agent> println")
            repl.reads("told\n42\n")
            repl.reads("half_typ")
            await one.ok("ex", e="not_for_the_screen = 1", s=True)
            repl.enter('ed = 3; string(half_typed, "x")')
            repl.reads('"3x"')
            assert "not_for_the_screen" not in repl.screen
            key = (await one.sessions())[0]["key"]
            with Person(daemon_home, key) as person:
                await person.sees("terminal of its own")
                await person.leaves(1)


def test_without_a_terminal_nothing_is_attached(daemon_home: Home) -> None:
    done = daemon_home.kaimonctl("attach", "0a1b2c3d")
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_a_session_that_is_not_known_is_an_error_that_leaves_the_terminal_alone(
    daemon_home: Home,
) -> None:
    with Person(daemon_home, "0a1b2c3d") as person:
        assert person.wait() == 1
        person.expect("No session has the key '0a1b2c3d'")
        assert person.restored()


def test_keys_that_are_none_are_refused(home: Home) -> None:
    done = home.kaimonctl("attach", "--detach-key", "x", "0a1b2c3d")
    assert done.returncode == 2
    assert "^P^Q" in done.stderr

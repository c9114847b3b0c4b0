"""Several agents, one truth: over real shims, a real daemon and real Julia."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.agent import Agent, agent, last_line, text
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.julia


SPIN = 'f() = (println("so far"); touch("inside"); TRY while true; end; END); f()'
"""Julia that tells when it has been compiled and spins."""


async def is_queued(one: Agent) -> bool:
    (seen,) = await one.sessions()
    return bool(seen["queued"])


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has waited for it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_second_agent_gets_the_same_session_and_reads_the_first_ones_variable(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one, agent(daemon_home, mode="auto") as two:
        key = await one.start(project)
        await one.ok("ex", e="shared = 6 * 7")
        assert await two.start(project) == key
        assert await two.value("shared", session=key) == "42"
        assert (await one.sessions())[0]["key"] == key
        assert len(await two.sessions()) == 1
        await two.ok("manage_repl", command="shutdown", session=key)
        assert await one.sessions() == []


async def test_twenty_concurrent_starts_from_several_agents_make_one_process(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one, agent(daemon_home) as two, agent(daemon_home) as three:
        agents = [one, two, three]
        keys = await asyncio.gather(*(agents[n % 3].start(project) for n in range(20)))
        assert len(set(keys)) == 1
        julias = [p for p in daemon_home.processes() if "KAIMON_SESSION" in p.environ()]
        assert len(julias) == 1
        (seen,) = await one.sessions()
        assert (seen["key"], seen["pid"]) == (keys[0], julias[0].pid)


async def test_another_name_gives_a_second_session_of_the_project_with_its_own_state(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        usual = await one.start(project)
        other = await one.start(project, name="scratch")
        assert usual != other
        await one.ok("ex", e="x = 1", session=usual)
        await one.ok("ex", e="x = 2", ses=other)
        assert await one.value("x", session=usual) == "1"
        assert await one.value("x", session=other) == "2"
        assert {seen["name"]: seen["key"] for seen in await one.sessions()} == {
            "": usual,
            "scratch": other,
        }
        unclear = await one.refused("ex", e="x")
        assert usual in unclear
        assert other in unclear
        assert (await one.ok("start_session")).count("session:") == 2
        assert await one.start(project, name="scratch") == other


async def test_a_fresh_session_is_in_its_project_directory_with_its_environment_active(
    daemon_home: Home,
) -> None:
    project = daemon_home.example()
    async with agent(daemon_home) as one:
        await one.start(project)
        assert await one.value("pwd()") == f'"{project}"'
        assert await one.value("Base.active_project()") == f'"{project}/Project.toml"'
        await one.ok("ex", e='include("scripts/hello.jl")')
        assert last_line(await one.value("using MyPkg; nameof(MyPkg)")) == ":MyPkg"
        await one.ok("ex", e='cd("src")')
        (seen,) = await one.sessions()
        assert seen["pwd"] == f"{project}/src"


async def test_a_restart_keeps_key_and_process_and_is_proved_by_a_new_boot_id(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        await one.ok("ex", e="x = 1; child = run(detach(`sleep 1000`), wait=false)")
        child = int(await one.value("getpid(child)"))
        (before,) = await one.sessions()
        begun = time.time()
        said = await one.ok("manage_repl", command="restart")
        (after,) = await one.sessions()
        assert (after["key"], after["generation"], after["pid"]) == (key, 2, before["pid"])
        assert after["boot_id"] != before["boot_id"]
        assert f"in place (the same process {after['pid']})" in said
        assert f"generation 2, pid {after['pid']}, proved by boot id {after['boot_id']}" in said
        assert after["uptime"] < time.time() - begun
        assert is_gone(child)
        assert "UndefVarError" in await one.refused("ex", e="x")


async def test_a_restart_takes_over_an_edited_launch_configuration_by_a_new_process(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        (before,) = await one.sessions()
        listed = json.loads(daemon_home.paths.projects_file.read_text())
        listed["projects"][0]["launch_config"] = {"threads": "1", "extra_flags": ["-O1"]}
        daemon_home.paths.projects_file.write_text(json.dumps(listed))
        said = await one.ok("manage_repl", command="restart", session=key)
        (after,) = await one.sessions()
        assert (after["key"], after["generation"]) == (key, 2)
        assert f"by a new process {after['pid']} (the old one, {before['pid']}, is gone)" in said
        assert is_gone(before["pid"])
        assert await one.value("Base.JLOptions().opt_level") == "1"


async def test_a_restart_interrupts_what_runs_and_says_so_to_whoever_waits(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one, agent(daemon_home) as two:
        key = await one.start(project)
        waiting = [
            asyncio.create_task(two.call("ex", e=code))
            for code in (SPIN.replace("TRY", "").replace("END", ""), "1 + 1")
        ]
        await until((project / "inside").exists)
        await until(partial(is_queued, one))
        await one.ok("manage_repl", command="restart", session=key)
        running, queued = [text(await task) for task in waiting]
        assert running.startswith("so far\n")
        assert "was interrupted: the session was restarted by agent" in running
        assert "was interrupted: it had not begun: the session was restarted" in queued
        assert await two.value("1 + 1") == "2"


async def test_a_session_that_swallows_interrupts_is_restarted_by_a_new_process(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        await one.start(project)
        waiting = asyncio.create_task(
            # Newer Julias leave out a `try` in which nothing is called.
            one.call(
                "ex",
                e=SPIN.replace("TRY", "while true; try; yield();").replace(
                    "END", "catch; end; end"
                ),
            )
        )
        await until((project / "inside").exists)
        said = await one.ok("manage_repl", command="restart")
        assert "by a new process" in said
        assert (await waiting).is_error
        assert await one.value("1 + 1") == "2"


async def test_a_project_that_forbids_restarts_keeps_its_session_as_it_is(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    listed = json.loads(daemon_home.paths.projects_file.read_text())
    listed["session_prefs"] = {"proj": {"allow_restart": False}}
    daemon_home.paths.projects_file.write_text(json.dumps(listed))
    async with agent(daemon_home) as one:
        await one.start(project)
        await one.ok("ex", e="x = 1")
        assert "allow_restart = false" in await one.refused("manage_repl", command="restart")
        assert await one.value("x") == "1"


async def test_the_end_of_julia_reaches_the_waiting_agent_with_exit_code_and_output(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        lost = await one.refused("ex", e='println("before"); exit(3)')
        assert "exited with code 3" in lost
        assert "before" in lost
        assert await one.sessions() == []
        dead = await one.refused("ex", e="1", session=key)
        assert "exited with code 3" in dead
        assert "has no session now" in dead
        new = await one.start(project)
        assert new != key
        assert f"is now {new}" in await one.refused("ex", e="1", session=key)


async def test_a_session_killed_while_idle_is_gone_from_the_next_reply(daemon_home: Home) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        (seen,) = await one.sessions()
        psutil.Process(seen["pid"]).kill()
        assert await one.sessions() == []
        assert "SIGKILL" in await one.refused("ex", e="1", session=key)
        assert await one.start(project) != key


async def test_children_of_a_session_end_with_it(daemon_home: Home) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        await one.start(project)
        child = int(await one.value("p = run(detach(`sleep 1000`), wait=false); getpid(p)"))
        assert psutil.pid_exists(child)
        await one.ok("manage_repl", command="shutdown")
        assert is_gone(child)

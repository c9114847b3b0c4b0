"""The daemon dies, or its disk is full, at every point where it commits to something.

One agent tells one story; the daemon is killed in the middle of it, at the named point; the agent's
shim starts another one. The agent gets one right answer to each call, and Julia has done each thing
once.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from kaimond import failpoints
from tests.support.agent import Agent, agent, text
from tests.support.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

pytestmark = pytest.mark.julia

AT_ADOPTION = tuple(point for point in failpoints.POINTS if point.startswith("adopt."))
RESPAWN = ("restart.before-end", "restart.before-respawn")
GIVEN_UP = "start.given-up"
IN_STORY = tuple(
    point for point in failpoints.POINTS if point not in (*AT_ADOPTION, *RESPAWN, GIVEN_UP)
)


async def story(one: Agent, project: Path) -> None:
    """Start, evaluate, restart, evaluate, shut down; each answer is as it should be."""
    counter = project / "counter"
    count = 'open(io -> print(io, "x"), "counter", "a"); filesize("counter")'
    key = await one.start(project)
    assert await one.value(count, session=key) == "1"
    assert counter.read_text() == "x"
    await one.ok("ex", e="x = 1", session=key)
    said = await one.ok("manage_repl", command="restart", session=key)
    assert "generation 2" in said
    assert "UndefVarError" in await one.refused("ex", e="x", session=key)
    assert await one.value(count, session=key) == "2"
    assert counter.read_text() == "xx"
    (seen,) = await one.sessions()
    assert (seen["key"], seen["generation"]) == (key, 2)
    ended = await one.call("manage_repl", command="shutdown", session=key)
    # The daemon may have died when the session was gone already: then it tells how it ended.
    assert "shut down" in text(ended)
    assert await one.sessions() == []


SWALLOWS = "while true; try; yield(); while true; end; catch; end; end"
"""Code that no interrupt ends. Newer Julias leave out a `try` in which nothing is called."""


@pytest.mark.parametrize("point", IN_STORY)
async def test_a_daemon_killed_at_this_point_loses_nothing(home: Home, point: str) -> None:
    project = home.project()
    doomed = home.start_daemon(KAIMON_FAILPOINT=f"{point}=kill")
    async with agent(home) as one:
        await story(one, project)
    assert await asyncio.to_thread(doomed.wait, 1) == -9, "the point was not passed"


@pytest.mark.parametrize("point", AT_ADOPTION)
async def test_a_daemon_killed_while_it_adopts_loses_nothing(home: Home, point: str) -> None:
    project = home.project()
    first = home.start_daemon()
    async with agent(home) as one:
        key = await one.start(project)
        await one.ok("ex", e="kept = 1")
        first.kill()
        await asyncio.to_thread(first.wait)
        second = home.spawn_daemon(KAIMON_FAILPOINT=f"{point}=kill")
        await asyncio.to_thread(second.wait)
        assert await one.value("kept", session=key) == "1"


@pytest.mark.parametrize(
    "point",
    [*RESPAWN, "start.before-spawn@2", "start.after-spawn@2", "start.after-note@2"],
)
async def test_a_daemon_killed_at_a_respawn_finishes_it_in_its_next_life(
    home: Home, point: str
) -> None:
    project = home.project()
    doomed = home.start_daemon(KAIMON_FAILPOINT=f"{point}=kill")
    async with agent(home) as one:
        key = await one.start(project)
        spinning = asyncio.create_task(one.call("ex", e=f'touch("inside"); {SWALLOWS}'))
        while not (project / "inside").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        said = await one.ok("manage_repl", command="restart", session=key)
        assert "generation 2" in said
        assert (await spinning).is_error
        assert await one.value("1 + 1", session=key) == "2"
    assert await asyncio.to_thread(doomed.wait, 1) == -9


@pytest.mark.parametrize(
    "point", ["registry.before-save", "eval.before-journal", "start.before-spawn"]
)
async def test_a_full_disk_is_told_and_the_next_call_works(home: Home, point: str) -> None:
    project = home.project()
    home.start_daemon(KAIMON_FAILPOINT=f"{point}=error")
    async with agent(home) as one:
        if not point.startswith("eval"):
            said = await one.refused("start_session", project_path=str(project))
            assert "No space left" in said or "space" in said
        key = await one.start(project)
        if point.startswith("eval"):
            assert "No space left" in await one.refused("ex", e="1", session=key)
        assert await one.value("1 + 1", session=key) == "2"
        assert len(await one.sessions()) == 1


async def test_a_start_that_was_given_up_is_not_taken_up_by_the_next_daemon(home: Home) -> None:
    project = home.project()
    (project / "hold.jl").write_text('while !isfile("go"); sleep(0.05); end')
    listed = json.loads(home.paths.projects_file.read_text())
    listed["projects"][0]["launch_config"] = {"extra_flags": ["--load=hold.jl"]}
    home.paths.projects_file.write_text(json.dumps(listed))
    home.paths.settings_file.write_text("[session]\nstart_timeout = 1\n")
    doomed = home.start_daemon(KAIMON_FAILPOINT=f"{GIVEN_UP}=kill")
    home.paths.settings_file.write_text("[session]\nstart_timeout = 60\n")
    async with agent(home) as one:
        starting = asyncio.create_task(one.refused("start_session", project_path=str(project)))
        assert await asyncio.to_thread(doomed.wait, 60) == -9
        # Else the end of that start could be over before the next daemon hears who waits for it.
        await until(lambda: home.server_log().count("agent connected") == 2)
        (project / "go").touch()
        assert "Its start had been given up" in await starting
        assert await one.sessions() == []


async def test_a_process_that_was_being_ended_is_no_proof_of_a_restart_however_it_answers(
    home: Home,
) -> None:
    project = home.project()
    doomed = home.start_daemon(KAIMON_FAILPOINT="restart.before-end=kill")
    async with agent(home) as one:
        key = await one.start(project)
        (old,) = await one.sessions()
        # Another plan cannot be had in place, so the old process, idle and answering, is to end.
        listed = json.loads(home.paths.projects_file.read_text())
        listed["projects"][0]["launch_config"] = {"threads": "2"}
        home.paths.projects_file.write_text(json.dumps(listed))
        assert "generation 2" in await one.ok("manage_repl", command="restart", session=key)
        (new,) = await one.sessions()
        assert new["pid"] != old["pid"]
        assert await one.value("Threads.nthreads()", session=key) == "2"
    assert await asyncio.to_thread(doomed.wait, 1) == -9
    assert home.server_log().count("-> restarting") == 1
    assert "the old image" not in home.server_log()


@pytest.mark.parametrize(
    ("command", "state"), [("shutdown", "stopping"), ("restart", "restarting")]
)
async def test_who_waits_for_an_eval_is_answered_when_the_daemon_dies_while_ending_its_session(
    daemon_home: Home, command: str, state: str
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one, agent(daemon_home) as two:
        key = await one.start(project)
        code = f'println("printed"); touch("inside"); {SWALLOWS}'
        spinning = asyncio.create_task(one.refused("ex", e=code))
        while not (project / "inside").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        ending = asyncio.create_task(two.call("manage_repl", command=command, session=key))
        while (await one.sessions())[0]["state"] != state:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        daemon_home.daemons[0].kill()
        await asyncio.to_thread(daemon_home.daemons[0].wait)
        said = await spinning
        assert said.startswith("printed\n")
        assert f"is lost: the session was {state} when the previous daemon ended" in said
        assert not (await ending).is_error


async def test_what_an_ended_session_left_running_is_ended_by_the_next_daemon(home: Home) -> None:
    project = home.project()
    doomed = home.start_daemon(KAIMON_FAILPOINT="exit.after-record=kill")
    async with agent(home) as one:
        key = await one.start(project)
        await one.ok("ex", e="run(`sleep 1000`; wait = false)")
        said = await one.refused("ex", e="exit(3)")
        assert "exited with code 3" in said
        assert await asyncio.to_thread(doomed.wait, 1) == -9
        # All that carries the session's mark goes, without anybody asking for it.
        await until(lambda: not [p for p in home.processes() if "sleep" in p.cmdline()])
        assert "exited with code 3" in await one.refused("ex", e="1", session=key)
        assert not list(home.paths.spool.iterdir())

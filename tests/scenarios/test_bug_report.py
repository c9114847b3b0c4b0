"""The five failures of the report on the system that this one replaces, and its own sequences.

Each is driven as it was then: by agents over stdio.
"""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.agent import Agent, agent, facts, last_line, text
from tests.support.wait import DEADLINE, until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.smoke]

KEY = re.compile(r"\b[0-9a-f]{8}\b(?= \()")


async def assert_views_agree(home: Home, one: Agent, expected: set[str]) -> list[dict[str, Any]]:
    """Ping, start_session, the errors' list and kaimonctl tell of the same living sessions."""
    pinged = await one.sessions()
    assert {seen["key"] for seen in pinged} == expected
    listed = facts(await one.call("start_session"))
    in_list = {seen["key"] for row in listed["projects"] for seen in row["sessions"]}
    assert in_list == expected
    error = await one.refused("ex", e="1", session="ffffffff")
    assert set(KEY.findall(error)) == expected
    status = await asyncio.to_thread(home.status)
    assert {seen["key"] for seen in status["sessions"]} == expected
    named = ("key", "pid", "generation", "boot_id", "project", "name")
    assert [[seen[f] for f in named] for seen in pinged] == [
        [seen[f] for f in named] for seen in status["sessions"]
    ]
    return pinged


async def test_issue_1_a_fresh_session_is_in_its_project_not_where_the_agent_or_daemon_is(
    daemon_home: Home,
) -> None:
    project = daemon_home.example()
    elsewhere = daemon_home.project("Elsewhere")
    async with agent(daemon_home, cwd=elsewhere) as one:
        await one.start(project)
        assert await one.value("pwd()") == f'"{project}"'
        assert "hello" in (await one.ok("ex", e='include("scripts/hello.jl")')).lower()
        await one.ok("manage_repl", command="restart")
        assert await one.value("pwd()") == f'"{project}"'
        assert (await one.sessions())[0]["pwd"] == str(project)


async def test_issue_2_only_a_proved_new_image_is_called_restarted_and_it_has_the_new_code(
    daemon_home: Home,
) -> None:
    project = daemon_home.example()
    source = next(
        file
        for file in sorted((project / "src").glob("*.jl"))
        if "module MyPkg" in file.read_text()
    )
    async with agent(daemon_home) as one:
        await one.start(project)
        code = "using MyPkg; isdefined(MyPkg, :newfn), isdefined(MyPkg, :NEW_A)"
        assert last_line(await one.value(code)) == "(false, false)"
        changed = source.read_text().replace(
            "module MyPkg\n", "module MyPkg\nnewfn() = 1\nconst NEW_A = 2\n", 1
        )
        assert "newfn" in changed
        source.write_text(changed)
        (before,) = await one.sessions()
        said = await one.ok("manage_repl", command="restart")
        assert "Revise active" not in said
        (after,) = await one.sessions()
        assert after["boot_id"] != before["boot_id"]
        assert last_line(await one.value(code)) == "(true, true)"


async def test_issue_3_repeated_restarts_each_prove_themselves_also_when_one_would_time_out(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        boots = {(await one.sessions())[0]["boot_id"]}
        for generation in range(2, 5):
            said = await one.ok("manage_repl", command="restart", session=key)
            (seen,) = await assert_views_agree(daemon_home, one, {key})
            assert f"generation {generation}," in said
            assert seen["generation"] == generation
            assert seen["boot_id"] not in boots
            assert seen["boot_id"] in said
            boots.add(seen["boot_id"])
        # A stopped process can neither answer nor execute anything: the restart that once timed
        # out now ends that process and proves a new one.
        (frozen,) = await one.sessions()
        psutil.Process(frozen["pid"]).suspend()
        await until(lambda: is_frozen(one))
        said = await one.ok("manage_repl", command="restart", session=key)
        (seen,) = await assert_views_agree(daemon_home, one, {key})
        assert seen["pid"] != frozen["pid"]
        assert f"(the old one, {frozen['pid']}, is gone)" in said
        assert seen["boot_id"] not in boots


async def test_a_frozen_session_is_told_as_that_slows_no_other_and_can_be_shut_down(
    daemon_home: Home,
) -> None:
    project, other = daemon_home.project(), daemon_home.project("Other")
    async with agent(daemon_home) as one:
        key, steady = await one.start(project), await one.start(other)
        await one.value("1", session=steady)
        pid = next(seen["pid"] for seen in await one.sessions() if seen["key"] == key)
        psutil.Process(pid).suspend()

        async def told() -> str:
            seen = {seen["key"]: seen["health"] for seen in await one.sessions()}
            return seen[key] if "frozen" in seen[key] else ""

        assert "has not answered for" in await until(told)
        assert "MiB" in await one.ok("ping")
        assert await asyncio.wait_for(one.value("2", session=steady), DEADLINE) == "2"
        gone = await one.ok("manage_repl", command="shutdown", session=key)
        assert "shut down by agent" in gone
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
        await assert_views_agree(daemon_home, one, {steady})


async def is_frozen(one: Agent) -> bool:
    (seen,) = await one.sessions()
    return bool(seen["health_word"] == "frozen")


async def test_issue_4_keys_neither_flip_nor_return_and_all_views_agree(
    daemon_home: Home,
) -> None:
    project, other = daemon_home.project(), daemon_home.project("Other")
    async with agent(daemon_home) as one, agent(daemon_home) as two:
        steady = await two.start(other)
        first = await one.start(project)
        await assert_views_agree(daemon_home, one, {steady, first})
        await one.ok("manage_repl", command="shutdown", session=first)
        await assert_views_agree(daemon_home, two, {steady})
        second = await one.start(project)
        assert second != first
        await assert_views_agree(daemon_home, one, {steady, second})
        gone = await one.refused("manage_repl", command="shutdown", session=first)
        assert "shut down by agent" in gone
        assert f"is now {second}" in gone
        await one.ok("manage_repl", command="shutdown", session=second)
        await assert_views_agree(daemon_home, two, {steady})
        third = await one.start(project)
        assert third not in (first, second)
        assert await one.value("1 + 1", session=third) == "2"
        await assert_views_agree(daemon_home, one, {steady, third})


async def test_issue_5_already_running_is_said_only_of_a_session_that_answers(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    async with agent(daemon_home) as one:
        key = await one.start(project)
        again = await one.ok("start_session", project_path=str(project))
        assert "already running" in again
        assert await one.value("1 + 1", session=key) == "2"
        (seen,) = await one.sessions()
        psutil.Process(seen["pid"]).send_signal(signal.SIGKILL)
        fresh = await one.call("start_session", project_path=str(project))
        assert "already running" not in text(fresh)
        new = facts(fresh)["key"]
        assert new != key
        assert await one.value("1 + 1", session=new) == "2"
        await assert_views_agree(daemon_home, one, {new})

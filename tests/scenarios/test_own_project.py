"""An agent that works inside a project needs no start_session and no key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import mcp_types as types
import pytest
from pydantic import FileUrl

from tests.support.agent import agent, facts, text

if TYPE_CHECKING:
    from mcp.client.context import ClientRequestContext

    from tests.support.agent import Agent
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]

_STARTED = re.compile(r"\(Started Julia \S+ in (\S+) for this: session ([0-9a-f]{8}), ready after")


MOST_PING = 300
"""Characters that `ping` takes for one session that is well."""


class Person:
    """A person who answers each question with the next of the given answers.

    An answer is the beginning of a choice, or "decline" or "cancel".
    """

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.asked.append(params.message)
        answer = self.answers.pop(0)
        if answer == "decline":
            return types.ElicitResult(action="decline")
        if answer == "cancel":
            return types.ElicitResult(action="cancel")
        (choice,) = (
            one
            for one in params.requested_schema["properties"]["answer"]["enum"]
            if one.startswith(answer)
        )
        return types.ElicitResult(action="accept", content={"answer": choice})


async def session_of(one: Agent, **arguments: Any) -> str:
    """Return the key of the session that an eval went to."""
    result = await one.call("ex", e="1", **arguments)
    assert not result.is_error, text(result)
    return str((result.meta or {})["kaimon/session"])


async def test_the_session_of_the_agents_project_is_started_and_used(home: Home) -> None:
    project, other = home.project(), home.project("Other")
    (project / "src").mkdir()
    home.start_daemon()
    async with agent(home, cwd=other) as two, agent(home, cwd=project / "src") as one:
        # Another project's session is not this agent's.
        elsewhere = await two.start(other)
        said = await one.value("x = 41; x + 1")
        started = _STARTED.search(said)
        assert started, said
        assert said.splitlines()[0] == "42"
        assert started[1] == str(project)
        key = started[2]
        assert key != elsewhere
        assert await one.value("x") == "41"
        assert len(await two.ok("ping")) <= 2 * MOST_PING
        assert await session_of(two) == elsewhere
        assert f"Session {key} " in await one.ok("investigate_environment")
        # Of several that it has got itself, one has to be named.
        await one.start(other)
        refused = await one.refused("ex", e="1")
        assert "Several sessions could be meant" in refused
        assert key in refused
        assert elsewhere in refused
        assert await session_of(one, session=key) == key
        await one.ok("manage_repl", command="shutdown", session=key)
        # It has got the other one itself, so that is meant.
        assert await session_of(one) == elsewhere
        assert [seen["key"] for seen in await one.sessions()] == [elsewhere]

    async with agent(home, cwd=home.path) as three:
        # It works in no project, so it means the only session, or has to say which.
        assert await session_of(three) == elsewhere
        said = await three.ok("start_session", project_path=str(project))
        assert f"(Its state is new: session {key} of this project has ended. It was shut" in said
        assert "There are several sessions" in await three.refused("ex", e="1")


async def test_a_path_within_a_project_and_a_relative_one_lead_to_its_session(home: Home) -> None:
    project = home.project()
    (project / "test").mkdir()
    (project / "test" / "Project.toml").write_text("")
    home.start_daemon()
    async with agent(home, cwd=project) as one:
        said = await one.ok("start_session", project_path="test")
        assert f"({project}/test belongs to the project {project}" in said
        key = said.splitlines()[0].rpartition(" ")[2]
        assert await one.start(".") == key
        assert await one.start(f"{project}/Project.toml") == key
        assert "does not exist" in await one.refused("start_session", project_path="tests")
        outside = await one.refused("start_session", project_path="..")
        assert "no Julia project" in outside


async def test_a_client_says_in_its_environment_or_as_roots_where_it_works(home: Home) -> None:
    project = home.project()
    home.start_daemon()

    async def roots(context: ClientRequestContext) -> types.ListRootsResult:
        root = types.Root(uri=FileUrl(f"file://{project}"))
        return types.ListRootsResult(roots=[root])

    async with agent(home, roots=roots) as one:
        key = await session_of(one)
        async with agent(home) as two:
            await two.start(home.project("Other"))
        assert await session_of(one) == key
    home.env["CLAUDE_PROJECT_DIR"] = str(project)
    async with agent(home) as three:
        assert await session_of(three) == key


async def test_the_person_is_asked_whether_a_project_is_allowed(home: Home) -> None:
    home.start_daemon()
    for mode in ("legacy", "auto"):
        project = home.project(mode, allowed=False)
        person = Person("cancel", "Allow this project")
        async with agent(home, cwd=project, mode=mode, person=person) as one:
            refused = await one.refused("ex", e="1")
            assert f"kaimonctl project allow {project}" in refused
            assert "there was no answer" in refused
            said = await one.value("1 + 1")
            assert said.splitlines()[0] == "2"
            assert _STARTED.search(said), said
            assert f"`kaimonctl project deny {project}` takes that back" in said
            assert len(person.asked) == 2
            assert f"wants to run Julia in {project}" in person.asked[0]
            # It is remembered, also for other agents and the next daemon.
            assert str(project) in home.kaimonctl("project", "list").stdout
            await one.ok("manage_repl", command="shutdown")


async def test_several_sessions_of_others_are_not_offered_without_the_agents_own_project(
    home: Home,
) -> None:
    project = home.project(allowed=False)
    home.start_daemon()
    async with agent(home) as one:
        await one.start(home.project("Other"))
        await one.start(home.project("Another"))
    async with agent(home, cwd=project) as two:
        refused = await two.refused("ex", e="1")
        assert "There are several sessions" in refused
        assert f"kaimonctl project allow {project}" in refused


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_person_who_declines_is_not_asked_again(home: Home, mode: str) -> None:
    project = home.project(allowed=False)
    home.start_daemon()
    person = Person("decline")
    async with agent(home, mode=mode, person=person) as one:
        for _ in range(2):
            refused = await one.refused("start_session", project_path=str(project))
            assert f"kaimonctl project allow {project}" in refused
            assert "declined; it is not asked again" in refused
    assert len(person.asked) == 1
    async with agent(home, mode=mode) as two:
        # This client cannot ask.
        refused = await two.refused("start_session", project_path=str(project))
        assert f"kaimonctl project allow {project}" in refused
        assert "asked" not in refused


async def test_the_person_is_asked_about_a_repositorys_launch_options(
    home: Home,
) -> None:
    project = home.project()
    (project / "kaimon.toml").write_text('[launch]\nextra_flags = ["--inline=no"]\n')
    home.start_daemon()
    person = Person("Do not start", "Use it")
    async with agent(home, cwd=project, person=person) as one:
        assert "declined; it is not asked again" in await one.refused("ex", e="1")
    async with agent(home, cwd=project, person=person) as two:
        said = await two.value("Base.JLOptions().can_inline")
        assert said.splitlines()[0] == "0"
        assert "has just approved the launch options" in said
        assert '"--inline=no"' in person.asked[0]
        assert facts(await two.call("ping"))["sessions"][0]["project"] == str(project)
    assert len(person.asked) == 2

"""No answer is computed with old source without saying so: driven by agents, on real Julia."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import Agent, agent, last_line
from tests.support.edits import NAME, EditedPackage, Step, verdict
from tests.support.home import Home
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.julia

EDITS = 40


@pytest.fixture(scope="module")
def shared(julia: dict[str, str]) -> Iterator[Home]:
    """One daemon for all tests here."""
    home = Home(julia)
    home.start_daemon()
    home.example()
    yield home
    home.close()


def edit(path: Path, old: str, new: str) -> None:
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))


async def source(one: Agent) -> dict[str, Any]:
    """What ping says of the one session."""
    (seen,) = await one.sessions()
    return seen


def dependency(home: Home) -> Path:
    """The one source file of the example's developed dependency."""
    return home.path / "MyPkg" / "lib" / "MyDep" / "src" / "MyDep.jl"


@pytest.mark.smoke
async def test_the_reports_recipe_an_edit_of_a_developed_dependency_is_all_there(
    shared: Home,
) -> None:
    project, file = shared.path / "MyPkg", dependency(shared)
    async with agent(shared) as one:
        await one.start(project)
        assert "no package is loaded" in await one.ok("investigate_environment")
        assert last_line(await one.value("using MyPkg; MyPkg.to_celsius(212)")) == "100.0"

        # A changed body, a new function and two new constants.
        edit(file, "* 5 / 9", "* 50 / 9")
        edit(file, "module MyDep\n", "module MyDep\nconst A = 1\nconst B = 2\nfresh() = A + B\n")
        answer = await one.value("MyPkg.to_celsius(212), MyPkg.MyDep.fresh(), MyPkg.MyDep.B")
        assert answer.splitlines()[0] == "(1000.0, 3, 2)"
        assert "WARNING" not in answer
        assert answer.count("lib/MyDep/src/MyDep.jl: 4 definitions") == 1
        assert "taken up" not in await one.value("1")

        looked = await one.ok("investigate_environment")
        assert "built-in reviser tracks" in looked
        assert "MyPkg (7 files)" in looked
        assert "MyDep (1 file)" in looked
        assert f"MyDep: {file.parents[1]}" in looked
        assert "the session runs them" in looked
        assert f"pwd: {project}" in looked


async def test_a_file_that_does_not_parse_is_told_everywhere_until_it_does(shared: Home) -> None:
    file, shown = dependency(shared), "lib/MyDep/src/MyDep.jl"
    async with agent(shared) as one:
        key = await one.start(shared.path / "MyPkg")
        await one.ok("ex", e="using MyPkg")
        edit(file, "module MyDep\n", "module MyDep\nsecond() = 2\n")
        assert (await one.value("MyPkg.MyDep.second()")).splitlines()[0] == "2"
        edit(file, "second() = 2\n", "second() = 3\nfunction (\n")
        answer = await one.value("MyPkg.MyDep.second()")
        assert answer.splitlines()[0] == "2"
        assert "WARNING" in answer
        assert shown in answer
        stale = (await source(one))["stale"]
        assert len(stale) == 1
        assert "syntax error" in stale[0]
        assert f"STALE {shown}" in await one.ok("ping")
        assert "NOT CURRENT" in await one.ok("investigate_environment")
        assert "syntax error" in await one.refused("manage_repl", command="revise")
        status = await asyncio.to_thread(shared.kaimonctl, "status")
        assert f"STALE {shown}" in status.stdout
        assert (await asyncio.to_thread(shared.status))["sessions"][0]["stale"] == stale
        assert (await asyncio.to_thread(shared.kaimonctl, "revise", key)).returncode == 1

        # Mended, and taken up without anybody's eval.
        edit(file, "function (\n", "")
        assert (await source(one))["changed"] == [shown]
        revised = await asyncio.to_thread(shared.kaimonctl, "revise", key)
        assert revised.returncode == 0, revised.stderr
        assert "compared with the disk" in revised.stdout
        assert (await source(one))["stale"] == []
        assert await one.value("MyPkg.MyDep.second()") == "3"
        assert "Nothing was left to take up" in await one.ok("manage_repl", command="revise")


async def test_preferences_restart_what_only_a_restart_helps_and_switch_it_all_off(
    shared: Home,
) -> None:
    file = dependency(shared)
    async with agent(shared) as one:
        await one.start(shared.path / "MyPkg")
        await one.ok("ex", e="using MyPkg")
        edit(file, "module MyDep\n", "module MyDep\nexport third\nthird() = 1\n")
        names = "using MyPkg; :third in names(MyPkg.MyDep)"
        assert (await one.value(names)).splitlines()[0] == "true"
        # What no Julia so far can take back.
        edit(file, "export third\n", "")
        answer = await one.value(names)
        assert answer.splitlines()[0] == "true"
        assert "`export third` was removed" in answer
        assert "restart the session" in answer

        prefer(shared, restart_when_stale=True, allow_restart=False)
        assert (await one.value(names)).splitlines()[0] == "true"
        prefer(shared, restart_when_stale=True)
        answer = await one.value(names)
        # What Julia says of precompiling may come first.
        assert "false" in answer.splitlines()
        assert "restarted first, as restart_when_stale is set: generation 2" in answer
        assert "WARNING" not in answer
        assert (await source(one))["generation"] == 2

        prefer(shared, revise="off")
        edit(file, "third() = 1", "third() = 2")
        assert await one.value("MyPkg.MyDep.third()") == "1"
        assert "preference revise is off" in await one.ok("investigate_environment")
        prefer(shared, revise="builtin")
        assert (await one.value("MyPkg.MyDep.third()")).splitlines()[0] == "2"
        await one.ok("manage_repl", command="shutdown")


def prefer(home: Home, **preferences: object) -> None:
    """Set preferences of all projects by hand, as a person might."""
    file = home.paths.projects_file
    listed = json.loads(file.read_text())
    listed["session_prefs"] = {"*": preferences}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(listed))
    beside.replace(file)


async def during(one: Agent, step: Step, place: Path) -> str:
    """Make an edit after an eval has begun, and before it calls the package."""
    assert step.during
    begun, edited = place / "begun", place / "edited"
    code = f'touch("{begun}"); while !isfile("{edited}"); sleep(0.01); end; {NAME}.values()'
    running = asyncio.create_task(one.value(code))
    await until(lambda: begun.exists() or running.done())
    step.during()
    edited.touch()
    answer = await running
    begun.unlink()
    edited.unlink()
    return answer


async def test_random_edits_are_never_stale_unsaid_and_no_answer_warns_idly(shared: Home) -> None:
    package = EditedPackage(shared.path / NAME, random.Random(7))
    package.create()
    shared.allow(package.root)
    async with agent(shared) as one:
        await one.start(package.root)
        await one.ok("ex", e=f"using {NAME}")
        kinds = set()
        for _ in range(EDITS):
            before, was_stale = package.values(), bool(package.broken)
            step = package.step()
            kinds.add(step.kind)
            if step.during:
                answer = await during(one, step, shared.path)
            else:
                # How long before the eval the edit was made is part of what is tried.
                await asyncio.sleep(min(step.delay, 0.1))
                answer = await one.value(f"{NAME}.values()")
            assert verdict(step, before, was_stale, answer) == ""
        step = package.mend()
        assert verdict(step, (), False, await one.value(f"{NAME}.values()")) == ""
        assert len(kinds) > 8
        await one.ok("manage_repl", command="shutdown")

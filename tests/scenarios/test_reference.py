"""What the reference says of sessions and no other scenario drives."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.agent import agent
from tests.support.terminal import DEADLINE, Terminal
from tests.support.wait import until, wait_until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]

UUID = "295af30f-e4ad-537b-8983-00126c2a3abe"
LOADED = f'Base.loaded_modules[Base.PkgId(Base.UUID("{UUID}"), "Revise")]'
STAND_IN = """
module Revise
const revision_queue, queue_errors, pkgdatas, marks = Set(), Dict(), Dict(), Any[]
revise() = empty!(revision_queue)
end
"""


def with_revise(home: Home) -> None:
    """Put a stand-in for Revise where every project of the home finds it."""
    package = home.path / "packages" / "Revise"
    (package / "src").mkdir(parents=True)
    (package / "src" / "Revise.jl").write_text(STAND_IN)
    (package / "Project.toml").write_text(f'name = "Revise"\nuuid = "{UUID}"\nversion = "9.8.7"\n')
    home.env["JULIA_LOAD_PATH"] = f"@:{package.parent}:@stdlib"


async def test_a_managed_session_is_told_as_that_and_restarted_from_scratch_by_a_person(
    home: Home,
) -> None:
    project = home.project()
    with_revise(home)
    home.start_daemon()
    async with agent(home) as one:
        said = await one.ok("start_session", project_path=str(project))
        (before,) = await one.sessions()
        key = before["key"]
        assert said.splitlines()[0] == f"Session started. Session key: {key}"
        assert "does not answer" not in said
        assert before["spawned_by"] == "agent"
        assert await one.value(f"length(push!({LOADED}.marks, 1))") == "1"

        done = await asyncio.to_thread(home.kaimonctl, "restart", key)
        assert done.returncode == 0, done.stderr
        (after,) = await one.sessions()
        assert (after["key"], after["pid"], after["generation"]) == (key, before["pid"], 2)
        assert after["boot_id"] != before["boot_id"]
        assert f"proved by boot id {after['boot_id']}" in done.stdout
        assert after["spawned_by"] == "agent"
        # Revise is there again, and it is another one.
        assert await one.value(f"length(push!({LOADED}.marks, 1))") == "1"

        # One that does not answer, though its process is there, is not called well.
        psutil.Process(after["pid"]).suspend()

        async def is_frozen() -> bool:
            (seen,) = await one.sessions()
            return bool(seen["health_word"] == "frozen")

        await until(is_frozen, DEADLINE)
        said = await one.ok("start_session", project_path=str(project))
        assert f"already running for this project. Session key: {key}" in said
        assert "frozen: the process exists but has not answered" in said
        assert f'manage_repl(command="restart", session="{key}")' in said
        psutil.Process(after["pid"]).resume()
        assert await one.value("1 + 1") == "2"


def test_after_a_global_install_every_prompt_is_a_session_of_its_own(home: Home) -> None:
    home.env["JULIA_DEPOT_PATH"] = f"{home.path}/depot:{home.env['JULIA_DEPOT_PATH']}"
    (home.path / "depot").mkdir()
    project = home.project(allowed=False)
    home.start_daemon()
    done = home.kaimonctl("startup", "install", "--global")
    assert done.returncode == 0, done.stderr
    found = shutil.which("julia", path=home.env["PATH"])
    assert found
    command = [found, "--quiet", "--project=."]
    with Terminal(command, home.env, project) as one, Terminal(command, home.env, project) as two:

        def both() -> list[dict[str, Any]]:
            seen: list[dict[str, Any]] = home.status()["sessions"]
            return seen if len(seen) > 1 else []

        seen = wait_until(both, DEADLINE)
        assert {each["pid"] for each in seen} == {one.pid, two.pid}
        assert len({each["key"] for each in seen}) == 2
        assert {each["spawned_by"] for each in seen} == {"user"}
        for person in (one, two):
            person.reads("julia> ")
            person.enter("exit()")
            assert person.process.wait(DEADLINE) == 0
    wait_until(lambda: not home.status()["sessions"], DEADLINE)

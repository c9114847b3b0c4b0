"""Everything that is decided before a Julia is started."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import paths
from kaimond.config import repo_options
from kaimond.config.settings import Settings
from kaimond.errors import SessionError
from kaimond.gate.libzmq import libzmq_path
from kaimond.toolchain import manifest
from kaimond.toolchain.manifest import Instantiation
from kaimond.toolchain.start_plan import BOOT, Plan, Planner
from tests.support.wait import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator


class Desk:
    """A home with a project, a list of projects and a script in the place of Julia."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {"HOME": str(home), "PATH": f"{home}/bin:/bin", "GITHUB_TOKEN": "x"}
        self.where = paths.resolve(self.environ | {"KAIMON_RUNTIME_DIR": str(home / "run")})
        self.project = home / "Proj"
        self.project.mkdir()
        (self.project / "Project.toml").touch()
        self.where.config.mkdir(parents=True)
        (home / "bin").mkdir()
        self.julia("1.9.0")

    def julia(self, version: str, name: str = "julia") -> Path:
        path = self.home / "bin" / name
        path.write_text(f"#!/bin/sh\necho julia version {version}\n")
        path.chmod(0o700)
        return path

    def allow(self, **entry: Any) -> None:
        listed = {"projects": [{"project_path": str(self.project), **entry}]}
        self.where.projects_file.write_text(json.dumps(listed))

    async def plan(self, path: object = None) -> Plan:
        planner = Planner(self.where, Settings(), self.environ)
        return await planner.plan(planner.project(str(path or self.project)))

    async def refusal(self, path: object = None) -> tuple[str, str]:
        with pytest.raises(SessionError) as caught:
            await self.plan(path)
        assert "o session was started" in caught.value.message
        return caught.value.kind, caught.value.message


@pytest.fixture
def desk() -> Iterator[Desk]:
    # A real path: macOS has /tmp as a link.
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
    yield Desk(home)
    shutil.rmtree(home)


async def test_a_plan_is_the_command_the_place_and_a_clean_environment(desk: Desk) -> None:
    desk.allow()
    plan = await desk.plan()
    assert plan.project == desk.project
    command = plan.command()
    assert command[0] == str(desk.home / "bin" / "julia")
    assert command[-2:] == [f"--project={desk.project}", str(BOOT)]
    assert BOOT.is_file()
    assert plan.environment["KAIMON_LIBZMQ"] == libzmq_path()
    assert "GITHUB_TOKEN" not in plan.environment
    assert plan.julia.version == "1.9.0"


async def test_a_link_to_an_allowed_project_is_that_project(desk: Desk) -> None:
    desk.allow()
    (desk.home / "link").symlink_to(desk.project)
    assert (await desk.plan(desk.home / "link")).project == desk.project
    assert (await desk.plan(f"{desk.project}/")).project == desk.project


async def test_a_project_that_is_not_listed_is_refused_with_the_command_that_allows_it(
    desk: Desk,
) -> None:
    kind, message = await desk.refusal()
    assert kind == "not-allowed"
    assert f"kaimonctl project allow {desk.project}" in message


async def test_a_project_that_is_switched_off_is_refused(desk: Desk) -> None:
    desk.allow(enabled=False)
    assert (await desk.refusal())[0] == "not-allowed"


@pytest.mark.parametrize(
    "path", ["Proj", "/nowhere/at/all", "a\0b", "/etc/hostname", "\ud800"], ids=ascii
)
async def test_a_path_that_is_no_project_is_refused(desk: Desk, path: str) -> None:
    desk.allow()
    assert (await desk.refusal(path))[0] == "bad-path"


async def test_a_broken_launch_config_is_refused_with_what_is_wrong(desk: Desk) -> None:
    desk.allow(launch_config={"threads": {"no": "way"}})
    kind, message = await desk.refusal()
    assert kind == "launch"
    assert "threads" in message


async def test_a_julia_that_is_missing_or_too_old_is_refused_with_who_named_it(desk: Desk) -> None:
    old = desk.julia("1.4.2", "old")
    desk.allow(launch_config={"julia_bin": str(old)})
    kind, message = await desk.refusal()
    assert kind == "no-julia"
    assert f"the launch_config of {desk.project}" in message
    old.unlink()
    assert (await desk.refusal())[0] == "no-julia"


async def test_a_directory_of_ours_that_is_open_to_others_is_refused(desk: Desk) -> None:
    desk.allow()
    desk.where.sockets.mkdir(parents=True)
    desk.where.sockets.chmod(0o755)
    with pytest.raises(SessionError, match=f"chmod 700 {desk.where.sockets}") as caught:
        await desk.plan()
    assert caught.value.kind == "launch"


async def test_a_socket_path_that_would_be_too_long_is_refused(desk: Desk) -> None:
    desk.allow()
    desk.environ["XDG_CACHE_HOME"] = str(desk.home / ("x" * 90))
    desk.where = paths.resolve(desk.environ)
    desk.allow()
    with pytest.raises(SessionError, match="XDG_CACHE_HOME") as caught:
        await desk.plan()
    assert caught.value.kind == "launch"


async def test_an_edit_of_the_configuration_counts_at_once(desk: Desk) -> None:
    planner = Planner(desk.where, Settings(), desk.environ)
    with pytest.raises(SessionError):
        planner.project(str(desk.project))
    desk.allow()
    before = await planner.plan(planner.project(str(desk.project)))
    desk.allow(launch_config={"threads": "3"})
    after = await planner.plan(planner.project(str(desk.project)))
    assert before.flags != after.flags
    assert before.digest() != after.digest()


async def test_a_large_environment_is_looked_through_while_others_are_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def check(*_: object) -> Instantiation:
        # This ends only because the event loop goes on meanwhile.
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(DEADLINE)
        return Instantiation(False, ("A is not installed",))

    monkeypatch.setattr(manifest, "check", check)
    desk.allow()
    planning = asyncio.create_task(desk.plan())
    await asyncio.sleep(0)
    answered.set()
    assert (await planning).instantiate == ("A is not installed",)


async def test_equal_plans_have_equal_digests(desk: Desk) -> None:
    desk.allow()
    assert (await desk.plan()).digest() == (await desk.plan()).digest()


async def test_a_channel_of_juliaup_is_started_as_the_binary_behind_it(desk: Desk) -> None:
    mine = desk.julia("1.11.0", "mine")
    folder = desk.home / ".julia" / "juliaup"
    folder.mkdir(parents=True)
    listed = {"InstalledChannels": {"dev": {"Command": str(mine), "Args": ["--depwarn=no"]}}}
    (folder / "juliaup.json").write_text(json.dumps(listed))
    desk.allow(launch_config={"julia_bin": "+dev"})

    assert (await desk.plan()).command()[:3] == [str(mine), "--depwarn=no", "--threads=auto"]

    desk.allow(launch_config={"julia_bin": "1.10"})
    kind, message = await desk.refusal()
    assert kind == "no-julia"
    assert f"which the launch_config of {desk.project} asks for" in message
    assert "juliaup add 1.10" in message


async def test_what_a_repository_wants_to_run_is_not_run_unseen(desk: Desk) -> None:
    mine = desk.julia("1.11.0", "mine")
    wishes = f'[launch]\nthreads = 3\njulia_bin = "{mine}"\nextra_flags = ["--depwarn=no"]\n'
    (desk.project / "kaimon.toml").write_text(wishes)
    desk.allow()
    kind, message = await desk.refusal()
    assert kind == "launch"
    assert f'julia_bin = "{mine}", extra_flags = ["--depwarn=no"]' in message
    assert f"kaimonctl project approve {desk.project}" in message

    repo = repo_options.read(desk.project)
    assert repo
    desk.allow(repo_launch=repo.digest)
    approved = (await desk.plan()).command()
    assert approved[0] == str(mine)
    assert approved[1:3] == ["--threads=3", "--depwarn=no"]

    (desk.project / "kaimon.toml").write_text(wishes.replace("depwarn=no", "depwarn=yes"))
    assert "has changed since it was approved" in (await desk.refusal())[1]
    desk.allow(repo_launch=False)
    assert "--threads=auto" in (await desk.plan()).command()
    mine.unlink()
    desk.allow(repo_launch=repo.digest)
    (desk.project / "kaimon.toml").write_text(wishes)
    assert f"named in {desk.project}/kaimon.toml" in (await desk.refusal())[1]

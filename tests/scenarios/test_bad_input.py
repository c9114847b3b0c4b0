"""Wrong input: one clear error each, nothing lost, never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from mcp import MCPError

from tests.support.agent import Agent, agent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home


async def refused(one: Agent, path: object) -> str:
    said = await one.refused("start_session", project_path=str(path))
    assert "Traceback" not in said
    return said


async def test_paths_that_are_no_allowed_project_are_refused_each_with_its_reason(
    daemon_home: Home,
) -> None:
    empty = daemon_home.path / "empty"
    empty.mkdir()
    stranger = daemon_home.project("Stranger", allowed=False)
    async with agent(daemon_home) as one:
        assert "does not exist" in await refused(one, daemon_home.path / "nowhere")
        assert "no Julia project" in await refused(one, empty)
        assert "NUL" in await refused(one, "/a\0b")
        # A relative path starts at the client's directory.
        for path in (stranger, stranger / "Project.toml", "Stranger", stranger / "."):
            assert f"kaimonctl project allow {stranger}" in await refused(one, path)
        assert await one.sessions() == []


@pytest.mark.julia
async def test_a_link_to_an_allowed_project_is_that_project(daemon_home: Home) -> None:
    project = daemon_home.project()
    link = daemon_home.path / "link"
    link.symlink_to(project)
    async with agent(daemon_home) as one:
        key = await one.start(link)
        assert await one.start(project) == key
        assert await one.value("pwd()") == f'"{project}"'


async def test_unknown_tools_and_arguments_are_named(daemon_home: Home) -> None:
    async with agent(daemon_home) as one:
        with pytest.raises(MCPError, match="There is no tool 'nosuch'"):
            await one.call("nosuch")
        assert "unknown parameter `kode`" in await one.refused("ex", kode="1")
        assert "missing parameter `e`" in await one.refused("ex", q=False)
        assert "`q`" in await one.refused("ex", e="1", q="yes")
        assert "`max_output`" in await one.refused("ex", e="1", max_output=10**9)
        assert "`command`" in await one.refused("manage_repl", command="reboot")
        assert "different keys" in await one.refused("ex", e="1", session="a", ses="b")
        assert "There is no session" in await one.refused("ex", e="1")
        assert "No session has the key 'abcd1234'" in await one.refused(
            "ex", e="1", session="abcd1234"
        )


async def test_a_broken_entry_is_reported_and_hides_no_other(daemon_home: Home) -> None:
    good = daemon_home.project()
    file = daemon_home.paths.projects_file
    listed = json.loads(file.read_text())
    listed["projects"].insert(0, {"project_path": 5})
    file.write_text(json.dumps(listed))
    async with agent(daemon_home) as one:
        said = await one.ok("start_session")
        assert str(good) in said
        assert "Problem:" in said
        file.write_text("{ this is not json")
        assert "Problem:" in await one.ok("start_session")
        assert str(file) in await refused(one, good)
    assert file.read_text() == "{ this is not json"


def test_a_bad_setting_is_told_with_file_key_and_what_is_allowed(home: Home) -> None:
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.paths.settings_file.write_text('[log]\nlevel = "loud"\n')
    done = home.kaimond()
    assert done.returncode == 2
    assert "kaimond.toml" in done.stderr
    assert "level" in done.stderr
    assert "debug" in done.stderr
    assert "Traceback" not in done.stderr
    home.paths.settings_file.write_text("[log\n")
    assert "kaimond.toml" in home.kaimond("--detach").stderr


def test_an_unknown_setting_is_a_warning(home: Home) -> None:
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.paths.settings_file.write_text("[log]\nlevle = 'info'\n")
    home.start_daemon()
    assert "levle" in home.server_log()
    assert any("levle" in problem for problem in home.status()["problems"])


async def julia_refused(home: Home, project: Path, command: str) -> str:
    home.paths.settings_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.paths.settings_file.write_text(f"[julia]\ncommand = {json.dumps(command)}\n")
    home.start_daemon()
    async with agent(home) as one:
        return await refused(one, project)


def script(home: Home, body: str) -> str:
    path = home.path / "fake-julia"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


async def test_a_missing_julia_is_told(home: Home) -> None:
    assert "no `nojulia` on the PATH" in await julia_refused(home, home.project(), "nojulia")


async def test_a_julia_that_is_too_old_is_told(home: Home) -> None:
    old = script(home, "echo julia version 1.4.2")
    assert "1.5 or newer" in await julia_refused(home, home.project(), old)


async def test_a_julia_that_does_not_start_is_told_with_its_last_words(home: Home) -> None:
    body = 'case "$1" in --version) echo julia version 1.9.0;; *) echo "no disk"; exit 7;; esac'
    said = await julia_refused(home, home.project(), script(home, body))
    assert "exited with code 7" in said
    assert "no disk" in said


async def test_a_julia_that_never_gets_ready_is_ended_at_the_deadline(home: Home) -> None:
    # One that is too old for a precompiled gate, which would be made meanwhile.
    body = 'case "$1" in --version) echo julia version 1.8.0;; *) echo hm; exec sleep 1000;; esac'
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.paths.settings_overlay.mkdir()
    overlay = home.paths.settings_overlay / "short.toml"
    overlay.write_text("[session]\nstart_timeout = 1.0\nstop_timeout = 1.0\n")
    said = await julia_refused(home, home.project(), script(home, body))
    assert "within 1 s" in said
    assert not [p for p in home.processes() if "sleep" in p.name()]


@pytest.mark.julia
async def test_pasted_code_is_evaluated_as_meant_and_told(daemon_home: Home) -> None:
    async with agent(daemon_home) as one:
        await one.start(daemon_home.project())
        said = await one.value("```julia\nx = 20\n2x + 2\n```")
        assert said == "42\n(Evaluated without the Markdown fence.)"
        said = await one.value("julia> y = 2\n2\n\njulia> y + 1\n3")
        assert said.startswith("3\n(Evaluated without the REPL's prompts")
        assert "fence" not in await one.value("run(```\ntrue\n```); 1")

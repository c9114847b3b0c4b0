"""``kaimonctl skill`` in a home of its own, and what the skill says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from kaimond.clients import skill_file
from kaimond.clients.table import CLIENTS
from kaimond.ctl.command_line import COMMANDS
from kaimond.mcp.tools import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import Home


def skills(home: Home) -> dict[str, str]:
    return {
        str(path.relative_to(home.path)): path.read_text() for path in home.path.rglob("SKILL.md")
    }


@pytest.mark.parametrize(
    ("client", "file"),
    [
        ("claude", ".claude/skills/kaimon/SKILL.md"),
        ("codex", ".agents/skills/kaimon/SKILL.md"),
        ("cursor", ".cursor/skills/kaimon/SKILL.md"),
    ],
)
def test_a_skill_is_written_where_its_client_reads_it_and_removed_again(
    home: Home, client: str, file: str
) -> None:
    said = home.ctl("skill", "install", "--client", client).stdout

    assert f"the skill is now in {home.path / file}" in said
    assert skills(home) == {file: skill_file.text()}
    assert "nothing was changed" in home.ctl("skill", "install", "--client", client).stdout

    assert "is removed from" in home.ctl("skill", "remove", "--client", client).stdout

    assert not (home.path / file).parent.exists()
    assert "nothing was changed" in home.ctl("skill", "remove", "--client", client).stdout


def test_without_a_name_all_clients_that_are_found_get_the_skill(home: Home) -> None:
    assert "Name one with --client" in home.ctl("skill", "install", code=1).stderr
    for program in ("claude", "codex", "opencode"):
        (home.path / "bin" / program).symlink_to("/bin/true")

    said = home.ctl("skill", "install").stdout

    assert "Codex, OpenCode: the skill is now in" in said
    assert set(skills(home)) == {
        ".claude/skills/kaimon/SKILL.md",
        ".agents/skills/kaimon/SKILL.md",
    }


def test_a_projects_skill_is_written_in_the_project(home: Home) -> None:
    home.environ["CLAUDE_CONFIG_DIR"] = str(home.path / "elsewhere")
    project = home.path / "Proj"
    project.mkdir()

    home.ctl("skill", "install", "--client", "antigravity", "--project", str(project))
    home.ctl("skill", "install", "--client", "claude", "--project", str(project))
    home.ctl("skill", "install", "--client", "claude")

    assert set(skills(home)) == {
        "Proj/.agents/skills/kaimon/SKILL.md",
        "Proj/.claude/skills/kaimon/SKILL.md",
        "elsewhere/skills/kaimon/SKILL.md",
    }
    missing = home.ctl("skill", "install", "--client", "antigravity", code=1).stderr
    assert "With --project it is." in missing


def test_a_link_of_a_repository_is_not_followed_out_of_it(home: Home) -> None:
    project, victim = home.path / "Pkg", home.path / "precious"
    victim.write_text("mine")
    skill = project / ".claude" / "skills" / "kaimon" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.symlink_to(victim)
    for action in ("install", "remove"):
        words = ("skill", action, "--client", "claude", "--project", str(project))
        done = home.ctl(*words, code=1)
        assert f"leads out of the project, to {victim}" in done.stderr
        assert victim.read_text() == "mine"


def test_what_the_user_made_of_the_skill_is_kept(home: Home) -> None:
    file = home.path / ".agents/skills/kaimon/SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_text("mine\n")
    (file.parent / "notes.md").write_text("mine\n")

    home.ctl("skill", "install", "--client", "codex")

    (kept,) = (home.path / ".local/state/kaimon/backups").glob("2*")
    assert kept.read_text() == "mine\n"
    home.ctl("skill", "remove", "--client", "codex")
    assert [each.name for each in file.parent.iterdir()] == ["notes.md"]


def test_the_skill_and_the_lines_for_agents_md_are_shown(home: Home) -> None:
    assert home.ctl("skill", "show").stdout == skill_file.text()
    assert home.ctl("skill", "show", "--agents-md").stdout == skill_file.agents_md()
    shown = json.loads(home.ctl("skill", "show", "--json").stdout)
    assert shown == {"skill": skill_file.text(), "agents_md": skill_file.agents_md()}


def test_the_skill_has_the_form_that_clients_read() -> None:
    text = skill_file.text()
    found = re.match(r"---\nname: kaimon\ndescription: (.+)\n---\n\n# ", text)

    assert found
    assert len(found[1]) <= 1024
    assert ": " not in found[1]  # a plain scalar of YAML
    assert len(text.splitlines()) < 150


@pytest.mark.parametrize("text", [skill_file.text(), skill_file.agents_md()], ids=["skill", "md"])
def test_tools_and_commands_that_are_named_exist(text: str) -> None:
    called = set(re.findall(r"^([a-z_]+)\(|`([a-z_]+)\((?!\))[a-z_]+=", text, re.MULTILINE))
    tools = {one or other for one, other in called}
    arguments = {
        (tool, name)
        for tool, inside in re.findall(r"\b([a-z_]+)\(((?:[a-z_]+=[^)]*)?)\)", text)
        if tool in TOOLS
        for name in re.findall(r"(?:^|, )([a-z_]+)=", inside)
    }

    assert tools
    assert tools <= set(TOOLS)
    assert {
        (tool, name)
        for tool, name in arguments
        if name not in TOOLS[tool].arguments.model_json_schema()["properties"]
    } == set()
    assert set(re.findall(r"`kaimonctl ([a-z]+)", text)) <= set(COMMANDS)


def test_every_client_has_a_folder_of_skills_or_says_that_none_is_known(tmp_path: Path) -> None:
    unknown = [name for name, each in CLIENTS.items() if not each.skills_path({"HOME": "/h"}, None)]

    assert unknown == ["antigravity"]
    assert all(each.skills_path({}, tmp_path) for each in CLIENTS.values())

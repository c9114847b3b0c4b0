"""The plugins for Claude Code and Codex, in ``contrib/plugins``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kaimond import __version__
from kaimond.clients import skill_file
from kaimond.clients.client import PROGRAM
from kaimond.clients.table import CLIENTS
from tests.support.home import CHECKOUT

PLUGINS = CHECKOUT / "contrib" / "plugins"
HOOK = PLUGINS / "kaimon-hook" / "hooks" / "julia_in_shell.py"


def answer(command: object) -> str:
    given = json.dumps({"tool_name": "Bash", "tool_input": {"command": command}})
    done = subprocess.run(
        [sys.executable, "-I", HOOK], input=given, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def load(*parts: str) -> Any:
    return json.loads(PLUGINS.joinpath(*parts).read_text(encoding="utf-8"))


def test_the_marketplace_lists_every_plugin_with_its_own_words() -> None:
    listed = load(".claude-plugin", "marketplace.json")["plugins"]

    assert {each["name"] for each in listed} == {
        each.parent.parent.name for each in PLUGINS.glob("*/.claude-plugin/plugin.json")
    }
    for each in listed:
        name = each["name"]
        assert each["source"] == f"./{name}"
        for client in (".claude-plugin", ".codex-plugin"):
            manifest = load(name, client, "plugin.json")
            assert manifest["name"] == name
            assert manifest["version"] == __version__
            assert manifest["description"] == each["description"]


def test_the_plugin_starts_the_server_as_an_install_would() -> None:
    (entry,) = load("kaimon", ".mcp.json")["mcpServers"].values()

    assert {"type": "stdio", **entry} == CLIENTS["claude"].entry(PROGRAM)
    manifest = load("kaimon", ".codex-plugin", "plugin.json")
    assert (PLUGINS / "kaimon" / manifest["mcpServers"]).exists()
    assert (PLUGINS / "kaimon" / manifest["skills"] / "kaimon" / "SKILL.md").exists()


def test_the_plugins_skill_is_the_one_that_is_installed() -> None:
    file = PLUGINS / "kaimon" / "skills" / "kaimon" / "SKILL.md"

    # Clients copy a plugin without what its links lead to, so the file itself is here.
    assert not file.is_symlink()
    assert file.read_text(encoding="utf-8") == skill_file.text()


def test_the_hook_is_called_before_the_shell_tool_and_only_in_its_own_plugin() -> None:
    (entry,) = load("kaimon-hook", "hooks", "hooks.json")["hooks"]["PreToolUse"]

    assert entry["matcher"] == "Bash"
    assert str(HOOK.relative_to(PLUGINS / "kaimon-hook")) in entry["hooks"][0]["command"]
    assert not (PLUGINS / "kaimon" / "hooks").exists()


@pytest.mark.parametrize(
    "command",
    [
        "julia -e '1 + 1'",
        'cd x && julia --project=. -E "1"',
        "julia -e '\nprintln(1)\n'",
        "time timeout 20 /opt/julia/bin/julia +1.10 -t 4 -e 1",
        "for i in 1 2; do julia --eval=1; done",
        "x=$(A=b julia --print 1)",
    ],
)
def test_code_in_the_arguments_of_julia_is_answered_with_a_word_about_ex(command: str) -> None:
    said = json.loads(answer(command))["hookSpecificOutput"]

    assert said["hookEventName"] == "PreToolUse"
    assert said["permissionDecision"] == "deny"
    assert "ex(e=" in said["permissionDecisionReason"]
    assert "KAIMON_FRESH=1" in said["permissionDecisionReason"]


@pytest.mark.parametrize(
    "command",
    [
        "julia script.jl -e",
        "julia --version",
        "KAIMON_FRESH=1 julia -e 1",
        'git commit -m "julia -e is slow"',
        "grep julia -e x",
        "echo 'unbalanced",
        "cat > notes.md <<'END'\njulia -e '1'\nEND",
        "",
        None,
    ],
)
def test_every_other_command_passes(command: object) -> None:
    assert answer(command) == ""

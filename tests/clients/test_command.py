"""``kaimonctl mcp`` in a home of its own."""

from __future__ import annotations

import json
import os
import pty
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.clients.table import CLIENTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import Home

USER_FILES = {
    "claude": ".claude.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "gemini": ".gemini/settings.json",
    "zed": ".config/zed/settings.json",
    "copilot": ".copilot/mcp-config.json",
    "opencode": ".config/opencode/opencode.json",
    "kilo": ".config/kilo/kilo.json",
    "antigravity": ".gemini/config/mcp_config.json",
}
PROJECT_FILES = {
    "claude": ".mcp.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "gemini": ".gemini/settings.json",
    "zed": ".zed/settings.json",
    "copilot": ".github/mcp.json",
    "opencode": "opencode.json",
    "kilo": "kilo.json",
    "antigravity": ".agents/mcp_config.json",
}

every_client = pytest.mark.parametrize("client", CLIENTS)


@every_client
def test_a_client_is_told_of_us_once_and_then_no_more(home: Home, client: str) -> None:
    file = home.path / USER_FILES[client]

    done = home.mcp("install", "--client", client)
    said = done.stdout

    assert f"{CLIENTS[client].title} itself was not found here" in done.stderr
    assert str(file) in said
    assert str(home.program) in said
    assert CLIENTS[client].limits in said
    wanted = {CLIENTS[client].servers: {"kaimon": CLIENTS[client].entry(str(home.program))}}
    assert home.read(USER_FILES[client]) == wanted
    written = file.read_bytes()
    assert "nothing was changed" in home.mcp("install", "--client", client).stdout
    assert file.read_bytes() == written

    assert "is gone" in home.mcp("remove", "--client", client).stdout

    assert not file.exists()
    copies = list((home.path / ".local/state/kaimon/backups").glob("2*"))
    assert [copy.read_bytes() for copy in copies] == [written]
    assert "nothing was changed" in home.mcp("remove", "--client", client).stdout


@every_client
def test_a_project_gets_its_own_file(home: Home, client: str) -> None:
    project = home.path / "Proj"
    project.mkdir()

    home.mcp("install", "--client", client, "--project", str(project))

    assert [str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()] == [
        PROJECT_FILES[client]
    ]
    assert not (home.path / USER_FILES[client]).exists()
    listed = json.loads(home.mcp("list", "--json", "--project", str(project)).stdout)
    states = {one["client"]: one["state"] for one in listed["clients"]}
    # Cursor, Codex and Gemini have the same file name in both places, never the same file.
    assert states == dict.fromkeys(CLIENTS, "not installed") | {client: "installed"}


@every_client
def test_printing_changes_nothing(home: Home, client: str) -> None:
    before = sorted(home.path.rglob("*"))

    done = home.mcp("install", "--client", client, "--print")

    assert str(home.path / USER_FILES[client]) in done.stderr
    loads = tomllib.loads if client == "codex" else json.loads
    entry = CLIENTS[client].entry(str(home.program))
    assert loads(done.stdout)[CLIENTS[client].servers]["kaimon"] == entry
    assert sorted(home.path.rglob("*")) == before


def test_the_clients_own_variables_are_followed(home: Home) -> None:
    for client, variable, file in (
        ("codex", "CODEX_HOME", "config.toml"),
        ("claude", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("zed", "XDG_CONFIG_HOME", "zed/settings.json"),
        ("copilot", "COPILOT_HOME", "mcp-config.json"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
        ("kilo", "XDG_CONFIG_HOME", "kilo/kilo.json"),
    ):
        home.environ[variable] = str(home.path / variable)
        home.mcp("install", "--client", client)
        assert "kaimon" in (home.path / variable / file).read_text()
        assert not (home.path / USER_FILES[client]).exists()


def test_a_client_whose_file_has_its_other_name_is_told_there(home: Home) -> None:
    project = home.path / "Proj"
    for client in ("opencode", "kilo"):
        nested = project / f".{client}" / f"{client}.json"
        nested.parent.mkdir(parents=True)
        nested.write_text('{"theme": "dark"}')
        home.mcp("install", "--client", client, "--project", str(project))
        assert "kaimon" in nested.read_text()
        folder = home.path / ".config" / client
        folder.mkdir(parents=True)
        (folder / f"{client}.jsonc").write_text("{\n  // mine\n}\n")

        home.mcp("install", "--client", client)

        assert [each.name for each in folder.iterdir()] == [f"{client}.jsonc"]
        assert home.read(f".config/{client}/{client}.jsonc")["mcp"]["kaimon"]["enabled"] is True
        home.mcp("remove", "--client", client)
        assert (folder / f"{client}.jsonc").read_text() == "{\n  // mine\n}\n"


APPROVALS: dict[str, tuple[str, dict[str, Any]]] = {
    "claude": (".claude/settings.json", {"permissions": {"allow": ["mcp__kaimon"]}}),
    "codex": (".codex/config.toml", {"default_tools_approval_mode": "approve"}),
    "gemini": (".gemini/settings.json", {"trust": True}),
    "opencode": (".config/opencode/opencode.json", {"permission": {"kaimon_*": "allow"}}),
    "kilo": (".config/kilo/kilo.json", {"permission": {"kaimon_*": "allow"}}),
}
"""The file with the approval, and what it has then, in it or in our entry."""

approvable = pytest.mark.parametrize("client", APPROVALS)


def approved(home: Home, client: str) -> bool:
    name, wanted = APPROVALS[client]
    if not (home.path / name).exists():
        return False
    data: dict[str, Any] = home.read(name)
    entry: dict[str, Any] = data.get(CLIENTS[client].servers, {}).get("kaimon", {})
    return any(all(part.get(key) == wanted[key] for key in wanted) for part in (data, entry))


def everything(home: Home) -> dict[Path, bytes]:
    state = home.path / ".local"
    return {
        path: path.read_bytes()
        for path in home.path.rglob("*")
        if path.is_file() and state not in path.parents
    }


@approvable
def test_nothing_is_approved_unless_it_is_asked_for(home: Home, client: str) -> None:
    assert "--approve" in home.mcp("install", "--client", client).stdout
    assert not approved(home, client)

    before = everything(home)
    error = home.mcp("install", "--client", client, "--approve", code=1).stderr

    assert "Nothing was changed: there is no terminal to ask on." in error
    assert everything(home) == before
    assert "--approve" in home.mcp("install", "--client", client, "--yes", code=2).stderr


@approvable
def test_what_is_approved_is_shown_written_once_and_removed(home: Home, client: str) -> None:
    before = everything(home)
    file, _ = APPROVALS[client]

    said = home.mcp("install", "--client", client, "--approve", "--yes").stdout

    assert "`ex`, which runs any Julia code as you" in said
    assert f"Kaimon is approved in {home.path / file}" in said
    assert approved(home, client)
    installed = everything(home)
    again = home.mcp("install", "--client", client, "--approve", "--yes").stdout
    assert "was approved already" in again
    assert f"{client} " in home.mcp("list").stdout.partition("installed, approved")[0]
    listed = json.loads(home.mcp("list", "--json").stdout)["clients"]
    assert [one["client"] for one in listed if one["approved"]] == [client]
    assert "--approve" not in home.mcp("install", "--client", client).stdout
    assert everything(home) == installed

    home.mcp("remove", "--client", client)

    assert everything(home) == before


@pytest.mark.parametrize(("answer", "expected"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_a_person_is_asked_before_anything_is_approved(
    home: Home, answer: str, expected: bool
) -> None:
    leader, follower = pty.openpty()
    os.write(leader, answer.encode())
    try:
        done = home.mcp("install", "--client", "codex", "--approve", stdin=follower)
    finally:
        os.close(follower)
        os.close(leader)

    shown = done.stdout.partition("Approve this? [y/N] ")[0]
    assert 'mcp_servers.kaimon.default_tools_approval_mode: "approve"' in shown
    assert approved(home, "codex") is expected
    assert ("Not approved; Codex goes on asking." in done.stdout) is not expected
    assert "kaimon" in home.read(".codex/config.toml")["mcp_servers"]


def test_an_approval_stays_when_it_is_not_ours(home: Home) -> None:
    file = home.path / ".config" / "opencode" / "opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"permission": {"kaimon_*": "ask"}}\n')
    home.mcp("install", "--client", "opencode")

    home.mcp("remove", "--client", "opencode")

    assert file.read_text() == '{"permission": {"kaimon_*": "ask"}}\n'


def test_an_approval_that_cannot_be_written_is_told_and_changes_nothing(home: Home) -> None:
    file = home.path / ".claude" / "settings.json"
    file.parent.mkdir()
    file.write_text('{"permissions": {"allow": "all"}}')

    error = home.mcp("install", "--client", "claude", "--approve", "--yes", code=1).stderr

    assert f"Kaimon is installed, but not approved: {file} was not changed, because" in error
    assert 'permissions.allow: [..., "mcp__kaimon"]' in error
    assert "kaimon" in home.read(".claude.json")["mcpServers"]
    file.write_text("{")
    error = home.mcp("remove", "--client", "claude", code=1).stderr
    assert f"Kaimon is removed, but {file} was not changed" in error
    assert file.read_text() == "{"


def test_a_client_without_a_file_for_approvals_is_installed_and_says_so(home: Home) -> None:
    done = home.mcp("install", "--client", "copilot", "--approve")

    assert "copilot --allow-tool 'kaimon'" in done.stderr
    assert "kaimon" in home.read(".copilot/mcp-config.json")["mcpServers"]


def test_claude_codes_approval_for_one_project_is_not_shared_with_others(home: Home) -> None:
    home.environ["CLAUDE_CONFIG_DIR"] = str(home.path / "elsewhere")
    project = home.path / "Proj"
    project.mkdir()

    home.mcp("install", "--client", "claude", "--approve", "--yes", "--project", str(project))
    home.mcp("install", "--client", "claude", "--approve", "--yes")

    for file in (project / ".claude/settings.local.json", home.path / "elsewhere/settings.json"):
        assert json.loads(file.read_text()) == {"permissions": {"allow": ["mcp__kaimon"]}}


def test_vs_code_keeps_its_file_in_the_library_on_a_mac(home: Home) -> None:
    library = home.path / "Library" / "Application Support"
    library.mkdir(parents=True)

    home.mcp("install", "--client", "vscode")

    assert "kaimon" in (library / "Code" / "User" / "mcp.json").read_text()


def test_a_file_that_cannot_be_read_stays_and_the_entry_is_shown(home: Home) -> None:
    file = home.path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {')

    error = home.mcp("install", "--client", "cursor", code=1).stderr

    assert f"{file} was not changed, because line 1, column 17" in error
    shown = error[error.index("hand:\n") + len("hand:\n") :]
    assert json.loads(shown)["mcpServers"]["kaimon"]["command"] == str(home.program)
    assert file.read_text() == '{"mcpServers": {'
    assert "unreadable" in home.mcp("list").stdout


def test_another_server_of_our_name_stays_until_it_is_to_be_replaced(home: Home) -> None:
    file = home.path / ".claude.json"
    file.write_text('{"mcpServers": {"kaimon": {"type": "http", "url": "http://localhost:2828"}}}')

    error = home.mcp("install", "--client", "claude", code=1).stderr
    assert "http://localhost:2828" in error
    assert "--replace" in error
    assert "2828" in home.mcp("remove", "--client", "claude", code=1).stderr
    assert "another server" in home.mcp("list").stdout
    assert "2828" in file.read_text()

    home.mcp("install", "--client", "claude", "--replace")

    assert home.read(".claude.json")["mcpServers"]["kaimon"]["command"] == str(home.program)


def test_a_program_that_does_not_run_is_not_written_anywhere(home: Home) -> None:
    home.put_program("echo broken >&2; exit 3")

    error = home.mcp("install", "--client", "zed", code=1).stderr

    assert "ended with code 3 and said: broken" in error
    assert not (home.path / ".config").exists()


def test_a_program_that_is_gone_is_told_by_the_list(home: Home) -> None:
    home.mcp("install", "--client", "gemini")
    text = (home.path / ".gemini/settings.json").read_text()
    (home.path / ".gemini/settings.json").write_text(text.replace("/bin/", "/gone/"))

    done = home.mcp("list")

    assert "installed, but not as this kaimonctl would" in done.stdout
    assert f"{home.path}/gone/kaimon-mcp is not there" in done.stderr


def test_a_project_that_is_not_there_is_refused(home: Home) -> None:
    error = home.mcp("install", "--client", "zed", "--project", "/nowhere", code=1).stderr

    assert "/nowhere is not a directory. Nothing was changed." in error

"""``kaimonctl mcp`` in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.clients.table import CLIENTS
from tests.clients import strict

if TYPE_CHECKING:
    from collections.abc import Iterator

CTL = "import sys; from kaimond.ctl import main; sys.exit(main())"
USER_FILES = {
    "claude": ".claude.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "gemini": ".gemini/settings.json",
    "zed": ".config/zed/settings.json",
}
PROJECT_FILES = {
    "claude": ".mcp.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "gemini": ".gemini/settings.json",
    "zed": ".zed/settings.json",
}

every_client = pytest.mark.parametrize("client", CLIENTS)


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.program = path / "bin" / "kaimon-mcp"
        self.program.parent.mkdir()
        # Beside this home's own kaimonctl, where the real one is looked for.
        self.put_program("echo kaimon-mcp 0")
        self.environ = {
            "HOME": str(path),
            "PATH": f"{self.program.parent}:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def put_program(self, body: str) -> None:
        ctl = self.program.with_name("kaimonctl")
        ctl.write_text(f"#!{sys.executable}\n{CTL}\n")
        ctl.chmod(0o755)
        self.program.write_text(f"#!/bin/sh\n{body}\n")
        self.program.chmod(0o755)

    def mcp(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.program.parent / "kaimonctl", "mcp", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stderr
        return done

    def read(self, name: str) -> Any:
        text = (self.path / name).read_text()
        return tomllib.loads(text) if name.endswith(".toml") else strict.read(text)


@pytest.fixture
def home() -> Iterator[Home]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
    yield Home(made)
    shutil.rmtree(made)


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

    home.mcp("remove", "--client", client)

    assert "kaimon" not in file.read_text()
    copies = list((home.path / ".local/state/kaimon/backups").glob("2*"))
    assert [copy.read_bytes() for copy in copies] == [written]
    assert "nothing was changed" in home.mcp("remove", "--client", client).stdout


@every_client
def test_a_client_is_not_found_by_what_we_have_written_for_it(home: Home, client: str) -> None:
    def found() -> bool:
        listed = json.loads(home.mcp("list", "--json").stdout)["clients"]
        return bool({one["client"]: one["found"] for one in listed}[client])

    assert not found()
    home.mcp("install", "--client", client)
    assert not found()
    home.mcp("remove", "--client", client)
    assert not found()
    home.mcp("install", "--client", client)
    file = home.path / USER_FILES[client]
    ours = file.read_text()
    for theirs in (f"{ours}\n", ours.replace("kaimon-mcp", "other-mcp")):
        assert theirs != ours
        file.write_text(theirs)
        assert found()
    file.write_text(ours)
    (home.path / "bin" / CLIENTS[client].programs[0]).symlink_to(sys.executable)
    assert found()


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
    assert loads(done.stdout)[CLIENTS[client].servers]["kaimon"]["command"] == str(home.program)
    assert sorted(home.path.rglob("*")) == before


def test_the_clients_own_variables_are_followed(home: Home) -> None:
    for client, variable, file in (
        ("codex", "CODEX_HOME", "config.toml"),
        ("claude", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("zed", "XDG_CONFIG_HOME", "zed/settings.json"),
    ):
        home.environ[variable] = str(home.path / variable)
        home.mcp("install", "--client", client)
        assert "kaimon" in (home.path / variable / file).read_text()
        assert not (home.path / USER_FILES[client]).exists()


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

"""What is written for each client, and what is left alone."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from kaimond.clients import EditError, approval, entry
from kaimond.clients.entry import EntryState, ForeignEntryError, FoundEntry
from kaimond.clients.table import CLIENTS
from tests.clients import strict
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.clients.client import Client

COMMAND = "/opt/kaimond/bin/kaimon-mcp"

OLD = {"command": "/old/kaimon-mcp", "args": ["-x"]}

every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)

EXISTING = {
    "claude": '{"numStartups": 12, "mcpServers": {"other": {"command": "x"}}, "projects": {}}',
    "codex": 'model = "o"  # mine\n\n[mcp_servers.other]\ncommand = "x"\n',
    "cursor": '{\n  "mcpServers": {\n    "other": {"command": "x"}\n  }\n}\n',
    "vscode": (
        '{\n\t// mine\n\t"servers": {\n\t\t"other": {"command": "x"}, // x\n\t},\n'
        '\t"inputs": [],\n}\n'
    ),
    "gemini": '{\n  "theme": "dark" /* at night */\n}\n',
    "copilot": '{"mcpServers": {"other": {"type": "local", "command": "x", "tools": ["*"]}},}\n',
    "opencode": '{\r\n  "$schema": "https://opencode.ai/config.json"\r\n}\r\n',
    "kilo": '{\n    "permission": {"bash": "ask"},\n    "mcp": {"other": {"type": "local"}}\n}',
    "antigravity": '{"mcpServers": {"other": {"serverUrl": "http://localhost"}}}',
    "zed": '// Zed settings\n{\n  "context_servers": {},\n  "vim_mode": true,\n}\n',
}


def read(client: Client, text: str) -> Any:
    """The data of a configuration, by a reader that is not ours and that is strict."""
    if client.form == "toml":
        return tomllib.loads(text)
    # Clients whose own files are plain JSON must still be able to read them.
    plain = "//" not in text and "/*" not in text and not re.search(r",\s*[}\]]", text)
    return json.loads(text) if plain else strict.read(text)


@every_client
def test_an_empty_file_gets_exactly_our_entry(client: Client) -> None:
    text = entry.install(client, "", COMMAND)

    assert read(client, text) == {client.servers: {"kaimon": client.entry(COMMAND)}}
    assert text.endswith("}\n" if client.form == "json" else "\n")


def test_the_entries_are_those_that_the_clients_document() -> None:
    stdio = {"type": "stdio", "command": COMMAND, "args": []}
    assert {name: client.entry(COMMAND) for name, client in CLIENTS.items()} == {
        "claude": {**stdio, "timeout": 600_000, "alwaysLoad": True},
        "codex": {
            "command": COMMAND,
            "startup_timeout_sec": 30,
            "tool_timeout_sec": 600,
            "env_vars": ANY,
        },
        "cursor": stdio,
        "vscode": stdio,
        "gemini": {"command": COMMAND, "args": [], "timeout": 600_000},
        "zed": {"command": COMMAND, "args": [], "timeout": 600},
        "copilot": {
            "type": "local",
            "command": COMMAND,
            "args": [],
            "tools": ["*"],
            "timeout": 600_000,
        },
        "opencode": {"type": "local", "command": [COMMAND], "enabled": True, "timeout": 600_000},
        "kilo": {"type": "local", "command": [COMMAND], "enabled": True, "timeout": 600_000},
        "antigravity": {"command": COMMAND, "args": []},
    }


@every_client
def test_what_was_there_stays(client: Client) -> None:
    before = EXISTING[client.name]

    text = entry.install(client, before, COMMAND)

    wanted = read(client, before)
    wanted.setdefault(client.servers, {})["kaimon"] = client.entry(COMMAND)
    assert read(client, text) == wanted
    for comment in ("# mine", "// mine", "// x", "/* at night */", "// Zed settings"):
        assert (comment in text) == (comment in before)


@every_client
def test_written_twice_is_written_once(client: Client) -> None:
    for before in ("", EXISTING[client.name]):
        once = entry.install(client, before, COMMAND)
        assert entry.install(client, once, COMMAND) == once


@every_client
def test_what_the_user_has_added_to_our_entry_stays(client: Client) -> None:
    theirs: dict[str, Any] = {"env": {"A": "b"}, **dict.fromkeys(client.defaults, 7)}
    if client.form == "toml":
        before = (
            "[mcp_servers.kaimon] # mine\ncommand = '/old/kaimon-mcp'\n"
            "startup_timeout_sec = 7\ntool_timeout_sec = 7\nenv_vars = 7\n"
            "[mcp_servers.kaimon.env]\nA = 'b'\n"
        )
    else:
        old = {"command": ["/old/kaimon-mcp", "-x"]} if client.command_is_list else OLD
        body = json.dumps({**theirs, **old})
        before = f'{{"{client.servers}": {{\n"kaimon": {body} // mine\n}}}}'

    text = entry.install(client, before, COMMAND)

    kept = read(client, text)[client.servers]["kaimon"]
    assert kept == {**client.required(COMMAND), **theirs}
    assert " mine\n" in text
    assert entry.install(client, text, COMMAND) == text


@every_client
def test_another_server_of_our_name_is_not_touched_unless_asked(client: Client) -> None:
    theirs = {"url": "http://localhost:2828/mcp"}
    text = (
        f"[{client.servers}.kaimon]\nurl = '{theirs['url']}'\n"
        if client.form == "toml"
        else json.dumps({client.servers: {"kaimon": theirs}})
    )

    assert entry.look(client, text, COMMAND) == FoundEntry(EntryState.FOREIGN, theirs["url"])
    with pytest.raises(ForeignEntryError, match="localhost:2828"):
        entry.install(client, text, COMMAND)
    with pytest.raises(ForeignEntryError, match="localhost:2828"):
        entry.remove(client, text)
    replaced = entry.install(client, text, COMMAND, replace=True)
    assert read(client, replaced) == {client.servers: {"kaimon": client.entry(COMMAND)}}


@every_client
def test_our_entry_is_recognised(client: Client) -> None:
    before = EXISTING[client.name]
    text = entry.install(client, before, COMMAND)

    assert entry.look(client, before, COMMAND) == FoundEntry(EntryState.ABSENT)
    assert entry.look(client, text, COMMAND) == FoundEntry(EntryState.OURS, COMMAND)
    assert entry.look(client, text, "/new/kaimon-mcp") == FoundEntry(EntryState.OUTDATED, COMMAND)


@every_client
def test_our_entry_is_removed_and_the_rest_stays(client: Client) -> None:
    before = EXISTING[client.name]

    text = entry.remove(client, entry.install(client, before, COMMAND))

    rest = read(client, text)
    if not rest.get(client.servers, True):
        del rest[client.servers]
    wanted = read(client, before)
    if not wanted.get(client.servers, True):
        del wanted[client.servers]
    assert rest == wanted
    assert entry.remove(client, text) == text


LAYOUTS: dict[str, Callable[[Any], str]] = {
    "minified": lambda data: json.dumps(data, separators=(",", ":")),
    "one line": json.dumps,
    "two blanks": lambda data: json.dumps(data, indent=2) + "\n",
    "tabs": lambda data: json.dumps(data, indent="\t"),
    "Windows": lambda data: json.dumps(data, indent=4).replace("\n", "\r\n") + "\r\n",
    "commas at the end": lambda data: (
        re.sub(r"([^{\[,])\n", r"\1,\n", json.dumps(data, indent=2)) + "\n"
    ),
    "a comma on the line": lambda data: json.dumps(data)[:-1] + ",}",
    "comments": lambda data: (
        json.dumps(data, indent=2).replace("\n", " // a\n").replace(": ", ":/*b*/ ")
    ),
}


@every_client
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_is_as_it_was_after_removal(client: Client, layout: str) -> None:
    for theirs in (
        {"theme": "dark"},
        {"theme": "dark", client.servers: {"other": {"command": "x", "args": ["a", "b"]}}},
        {client.servers: {"other": {"command": "x"}}, "permission": {"bash": "ask"}},
        {"permissions": {"allow": ["Bash(ls)", "Read"], "deny": []}, "a": [1, {"b": 2}]},
    ):
        if client.form == "toml":
            before = tomlkit.dumps(theirs)
            before = before.replace("\n", "\r\n") if layout == "Windows" else before
        else:
            before = LAYOUTS[layout](theirs)
        text = entry.install(client, before, COMMAND)
        if client.approval:
            text = approval.approve(client, text)
            assert approval.is_approved(client, text)
        assert read(client, text) != read(client, before)

        text = entry.remove(client, text)

        assert (approval.withdraw(client, text) if client.approval else text) == before


@every_client
def test_what_is_to_be_added_by_hand_is_a_file_by_itself(client: Client) -> None:
    shown = read(client, entry.snippet(client, COMMAND))

    assert shown == {client.servers: {"kaimon": client.entry(COMMAND)}}


@every_client
def test_a_file_that_cannot_be_read_is_refused(client: Client) -> None:
    for text in ("{", "a = = 1", '{"a": }'):
        with pytest.raises(EditError):
            entry.install(client, text, COMMAND)


@every_client
@settings(max_examples=10)
@given(path=st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1))
def test_any_path_of_the_program_arrives_as_it_is(client: Client, path: str) -> None:
    command = f"/{path}/kaimon-mcp"

    text = entry.install(client, EXISTING[client.name], command)

    data = tomllib.loads(text) if client.form == "toml" else strict.read(text)
    assert data[client.servers]["kaimon"] == client.entry(command)


def test_the_document_tells_every_client_its_files_and_limits() -> None:
    text = (CHECKOUT / "docs" / "clients.md").read_text(encoding="utf-8")
    for client in CLIENTS.values():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{client.name}` |")]
        files = (f"`~/{client.user_file}`", f"`{client.project_file}`", client.mac_file)
        assert all(file in row for file in files)
        assert all(f"`{key}`" in row for key in client.defaults)

"""What the documents say about the code is compared with the code."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from kaimond.config.julia_options import LaunchConfig
from kaimond.config.preferences import Preferences
from kaimond.config.settings import KEYS
from kaimond.ctl.command_line import COMMANDS
from kaimond.mcp.tools import TOOLS
from kaimond.registry.state import ENDED, TRANSITIONS, State
from kaimond.startup_jl import block as startup_block
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("**/*.md")])
ARCHITECTURE = CHECKOUT / "ARCHITECTURE.md"
README = CHECKOUT / "README.md"
CONFIGURATION = CHECKOUT / "docs" / "configuration.md"
PROTOCOL = CHECKOUT / "docs" / "gate-protocol.md"

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def section(document: Path, title: str) -> str:
    """The text below one heading, up to the next one."""
    text = document.read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{document.name} has no section {title!r}"
    return found[1]


def first_column(text: str) -> list[str]:
    """What is quoted as code first in each row of a section's tables."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def blocks(document: Path, language: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [block for _, block in found]


def test_the_state_diagram_is_the_state_table() -> None:
    drawn = re.findall(
        r"^ +(\w+|\[\*\]) --> (\w+|\[\*\])(?:: (.+))?$",
        section(ARCHITECTURE, "The states of a session"),
        re.MULTILINE,
    )
    table = [
        (str(state), str(after), str(event))
        for state, events in TRANSITIONS.items()
        for event, after in events.items()
    ]
    ends = [("[*]", str(State.STARTING), ""), *((str(state), "[*]", "") for state in ENDED)]

    assert sorted(drawn) == sorted([*table, *ends])


def test_the_readme_lists_every_tool_and_every_command() -> None:
    assert sorted(first_column(section(README, "Tools for agents"))) == sorted(TOOLS)
    commands = first_column(section(README, "Commands for you"))
    assert commands == [f"kaimonctl {name}" for name in COMMANDS]


def test_the_settings_are_documented_with_their_defaults() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| `([^`]+)` \|",
        section(CONFIGURATION, "kaimond.toml: the daemon"),
        re.MULTILINE,
    )
    defaults = {name: tomllib.loads(f"value = {text}")["value"] for name, text in rows}
    known = {
        name: list(key.default) if isinstance(key.default, tuple) else key.default
        for name, key in KEYS.items()
    }

    assert defaults == known


def test_the_launch_configuration_is_documented() -> None:
    documented = first_column(section(CONFIGURATION, "launch_config"))

    assert documented == [item.name for item in fields(LaunchConfig)]


def test_the_preferences_are_documented_with_their_defaults() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`]+)` \|", section(CONFIGURATION, "session_prefs"), re.MULTILINE
    )
    documented = {name: json.loads(text) for name, text in rows}

    assert documented == {item.name: item.default for item in fields(Preferences)}


def test_the_block_of_a_startup_file_is_shown_as_it_is_written() -> None:
    (shown,) = blocks(CHECKOUT / "docs" / "startup.md", "julia")
    found = re.search(r'let packages = "(.+)"', shown)

    assert found
    assert shown == startup_block.text(found[1])


def test_the_verbs_of_the_gate_are_documented() -> None:
    verbs = CHECKOUT / "kaimond" / "julia" / "Kaimon" / "src" / "verbs.jl"
    served = re.findall(r'^    verb == "(\w+)" &&', verbs.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(first_column(section(PROTOCOL, "Messages"))) == sorted(served)


@documents
def test_links_lead_to_files_that_exist(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [
        link for link in links if "://" not in link and not (document.parent / link).exists()
    ]

    assert missing == []


@documents
def test_modules_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", text)
    missing = [
        name
        for name in named
        if not any((base / name).exists() for base in (CHECKOUT, CHECKOUT / "kaimond"))
    ]

    assert missing == []


@pytest.mark.parametrize("document", [ARCHITECTURE, PROTOCOL], ids=lambda path: path.name)
def test_files_of_the_gate_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"`(\w+\.jl)`", document.read_text(encoding="utf-8")))
    there = {file.name for file in (CHECKOUT / "kaimond" / "julia").rglob("*.jl")}

    assert named
    assert named - there == set()


@documents
def test_examples_of_configuration_can_be_read(document: Path) -> None:
    for block in blocks(document, "json"):
        json.loads(block)
    for block in blocks(document, "toml"):
        tomllib.loads(block)

"""Whether MCP clients know kaimon-mcp and can start it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.clients.table import CLIENTS
from kaimond.doctor.checks import clients
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient


def test_no_client_knows_us_yet(patient: Patient) -> None:
    finding = patient.one(clients.clients)

    assert finding.level is Level.WARN
    assert "kaimonctl mcp install --client" in finding.cure


def register(patient: Patient, command: str) -> Path:
    file = patient.home / ".cursor" / "mcp.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"mcpServers": {"kaimon": {"command": command, "args": []}}}))
    return file


def test_a_client_that_starts_our_program_is_well(patient: Patient) -> None:
    client = CLIENTS["cursor"]
    command = str(Path(sys.executable).parent / "kaimon-mcp")
    file = register(patient, command)
    file.write_text(json.dumps({client.servers: {"kaimon": client.entry(command)}}))
    finding = patient.one(clients.clients)

    assert finding.level is Level.OK
    assert command in finding.text


def test_a_client_that_starts_what_is_not_there_is_a_failure(patient: Patient) -> None:
    register(patient, "/no/such/kaimon-mcp")
    finding = patient.one(clients.clients)

    assert finding.level is Level.FAIL
    assert "kaimonctl mcp install --client cursor" in finding.cure


def test_another_server_by_our_name_and_an_unreadable_file_are_told(patient: Patient) -> None:
    file = register(patient, "/usr/bin/something-else")
    assert "another server" in patient.examine(clients.clients)[0].text

    file.write_text("{")
    finding = patient.examine(clients.clients)[0]
    assert finding.level is Level.WARN
    assert str(file) in finding.cure

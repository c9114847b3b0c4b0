"""Which clients are said to be on a machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from kaimond.clients import approval, entry, file, survey
from kaimond.clients.table import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaimond.clients.client import Client

COMMAND = "/opt/kaimond/bin/kaimon-mcp"

every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


class Machine:
    """A home without any client."""

    def __init__(self, path: Path, client: Client) -> None:
        self.environ = {"HOME": str(path / "home"), "PATH": str(path / "bin")}
        self.file = client.user_path(self.environ)
        self._client = client
        self._backups = path / "backups"

    def found(self) -> bool:
        return survey.is_present(self._client, self.environ)

    def change(self, edit: Callable[[Client, str], str]) -> None:
        file.change(self.file, lambda text: edit(self._client, text), self._backups, private=True)

    def install(self) -> None:
        self.change(lambda client, text: entry.install(client, text, COMMAND))


@pytest.fixture
def machine(tmp_path: Path, client: Client) -> Machine:
    return Machine(tmp_path, client)


@every_client
def test_a_client_is_not_found_by_what_we_have_written_for_it(
    machine: Machine, client: Client
) -> None:
    assert not machine.found()
    machine.install()
    assert not machine.found()
    if client.approval and not client.approval.user_file:
        machine.change(approval.approve)
        assert not machine.found()
    machine.change(entry.remove)
    assert not machine.found()


@every_client
def test_a_client_is_found_by_what_others_have_written(machine: Machine, client: Client) -> None:
    machine.install()
    ours = machine.file.read_text()
    for theirs in (f"{ours}\n", ours.replace("kaimon-mcp", "other-mcp")):
        assert theirs != ours
        machine.file.write_text(theirs)
        assert machine.found()


@every_client
def test_a_client_is_found_by_its_program(machine: Machine, client: Client, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / client.programs[0]).symlink_to(sys.executable)
    assert machine.found()

"""Whether a client asks the service manager for a daemon."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kaimond.service_manager import service_state

if TYPE_CHECKING:
    from pathlib import Path

USUAL = "/run/user/1000/kaimon"


class Machine:
    """A root directory, with a user's home in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.environ = {"HOME": str(self.home)}

    def has(self, path: str) -> Machine:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).touch()
        return self

    def ask(self, directory: str = USUAL, platform: str = "linux") -> list[str] | None:
        return service_state.start_command(
            directory, environ=self.environ, uid=1000, root=str(self.root), platform=platform
        )


WANTED = ".config/systemd/user/default.target.wants/kaimond.service"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path).has("run/user/1000/systemd/private").has(f"home/{WANTED}")


def test_systemd_is_asked_where_it_runs_and_the_service_is_enabled(machine: Machine) -> None:
    assert machine.ask() == ["systemctl", "--user", "start", "kaimond.service"]


def test_a_link_to_a_unit_that_lies_elsewhere_counts_as_enabled(machine: Machine) -> None:
    link = machine.home / WANTED
    link.unlink()
    link.symlink_to("/nowhere/kaimond.service")
    assert machine.ask()


def test_a_service_that_the_administrator_has_enabled_for_all_counts(machine: Machine) -> None:
    (machine.home / WANTED).unlink()
    assert machine.ask() is None
    machine.has("etc/systemd/user/default.target.wants/kaimond.service")
    assert machine.ask()


def test_nobody_is_asked_where_systemd_does_not_run_or_for_another_directory(
    machine: Machine,
) -> None:
    assert machine.ask("/elsewhere") is None
    machine.environ["KAIMON_RUNTIME_DIR"] = USUAL
    assert machine.ask() is None
    del machine.environ["KAIMON_RUNTIME_DIR"]
    (machine.root / "run/user/1000/systemd/private").unlink()
    assert machine.ask() is None


def test_launchd_is_asked_where_the_agent_is_installed(machine: Machine) -> None:
    directory = f"{machine.home}/.local/state/kaimon/run"
    assert machine.ask(directory, "darwin") is None
    machine.has("home/Library/LaunchAgents/org.kaimon.kaimond.plist")
    assert machine.ask(directory, "darwin") == [
        "launchctl",
        "kickstart",
        "gui/1000/org.kaimon.kaimond",
    ]
    machine.environ["KAIMON_RUNTIME_DIR"] = directory
    assert machine.ask(directory, "darwin") is None


def test_the_manager_is_found_also_in_the_bare_environment_of_a_client() -> None:
    bare = service_state.manager_environment({"PATH": "/bin"}, 1000)
    assert bare == {"PATH": "/bin", "XDG_RUNTIME_DIR": "/run/user/1000"}
    rich = service_state.manager_environment({"XDG_RUNTIME_DIR": "/elsewhere"}, 1000)
    assert rich == {"XDG_RUNTIME_DIR": "/elsewhere"}


def test_in_the_tests_themselves_no_manager_is_ever_asked(tmp_path: Path) -> None:
    assert service_state.start_command(str(tmp_path), environ=os.environ, uid=os.getuid()) is None

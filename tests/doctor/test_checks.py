"""Each check, on a machine where everything is well and where one thing is not."""

from __future__ import annotations

import json
import os
import plistlib
import resource
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import __version__, wire
from kaimond.clients.table import CLIENTS
from kaimond.doctor.checks import (
    clients,
    configuration,
    daemon,
    directories,
    installation,
    julia,
    machine,
    neighbour,
    service,
)
from kaimond.doctor.finding import Level
from kaimond.doctor.world import Contact, DaemonState
from kaimond.manager.installed import LABEL, SERVICE
from kaimond.manager.plan import MARK, Installation
from kaimond.manager.systemd import Systemd

if TYPE_CHECKING:
    from kaimond.doctor.checks import Check
    from kaimond.doctor.finding import Finding
    from tests.doctor.conftest import Patient

UUID = "12345678-1234-1234-1234-123456789abc"


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


# The installation


def test_the_interpreter_and_all_packages_of_this_environment_are_well(patient: Patient) -> None:
    for check in (installation.python, installation.packages, installation.libzmq):
        assert patient.one(check).level is Level.OK


def test_libzmq_is_told_with_its_path(patient: Patient) -> None:
    assert "libzmq" in patient.one(installation.libzmq).text


def test_a_missing_and_an_old_package_are_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["psutil>=99", "no-such-package-at-all>=1", 'sphinx>=1; extra == "docs"']
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    found = patient.examine(installation.packages)

    assert [finding.level for finding in found] == [Level.FAIL, Level.FAIL]
    assert "psutil" in found[0].text
    assert "no-such-package-at-all is missing" in found[1].text
    assert all(finding.cure for finding in found)


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("2.3.0", ">=2.3,<3", True),
        ("2.3", ">=2.3.0", True),
        ("3.0", ">=2.3,<3", False),
        ("26.0.0b2", ">=26", True),
        ("9.10", ">=9.9", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, bounds: str, expected: bool) -> None:
    assert installation.within(version, bounds) is expected


def test_settings_that_keep_the_daemon_from_starting_are_found_by_its_own_check(
    patient: Patient,
) -> None:
    patient.config("kaimond.toml", "[log]\nlevel = 3\n")
    finding = patient.one(installation.loading)

    assert finding.level is Level.FAIL
    assert "log.level" in finding.text


def test_the_programs_are_looked_for_by_name(patient: Patient) -> None:
    folder = Path(sys.executable).parent
    patient.environ["PATH"] = str(folder)
    assert bad(patient.examine(installation.programs)) == []

    patient.environ["PATH"] = "/nowhere"
    finding = patient.one(installation.programs)
    assert finding.level is Level.WARN
    assert str(folder) in finding.cure


def test_links_to_the_programs_are_what_belongs_on_the_path(patient: Patient) -> None:
    links = patient.home / ".local" / "bin"
    links.mkdir(parents=True)
    for name in installation.PROGRAMS:
        (links / name).symlink_to(Path(sys.executable).parent / name)
    patient.environ["PATH"] = "/nowhere"

    assert f"Add {links} to PATH" in patient.one(installation.programs).cure


def test_programs_of_another_installation_are_named(patient: Patient) -> None:
    other = patient.home / "other"
    other.mkdir()
    (other / "kaimon-mcp").write_text("#!/bin/sh\n")
    (other / "kaimon-mcp").chmod(0o755)
    patient.environ["PATH"] = f"{other}:{Path(sys.executable).parent}"

    assert str(other / "kaimon-mcp") in patient.one(installation.programs).text


# Julia


def test_the_configured_julia_is_asked_for_its_version(patient: Patient) -> None:
    program = patient.julia()
    finding = patient.one(julia.configured)

    assert finding.level is Level.OK
    assert "1.11.2" in finding.text
    assert str(program) in finding.text


def test_a_julia_that_is_not_there_is_a_failure_with_the_way_out(patient: Patient) -> None:
    patient.config("kaimond.toml", '[julia]\ncommand = "/no/such/julia"\n')
    finding = patient.one(julia.configured)

    assert finding.level is Level.FAIL
    assert "/no/such/julia" in finding.text
    assert finding.cure
    assert "No session was started" not in finding.text + finding.cure


def test_a_julia_that_is_too_old_is_a_failure(patient: Patient) -> None:
    patient.julia(version="1.0.5")

    assert patient.one(julia.configured).level is Level.FAIL


def test_the_julia_of_one_project_only_warns(patient: Patient) -> None:
    patient.julia()
    entry = {"project_path": str(patient.home), "launch_config": {"julia_bin": "/no/julia"}}
    patient.config("projects.json", json.dumps({"projects": [entry]}))
    default, project = patient.examine(julia.configured)

    assert default.level is Level.OK
    assert project.level is Level.WARN
    assert "/no/julia" in project.text


def test_further_julias_and_the_channels_of_juliaup_are_told(patient: Patient) -> None:
    patient.julia()
    second = patient.home / "second"
    second.mkdir()
    (second / "julia").write_text("#!/bin/sh\n")
    (second / "julia").chmod(0o755)
    patient.environ["PATH"] += f":{second}"
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text(
        json.dumps({"Default": "release", "InstalledChannels": {"release": {}, "1.10": {}}})
    )
    path, juliaup = patient.examine(julia.others)

    assert str(second / "julia") in path.text
    assert "1.10, release (default)" in juliaup.text


def test_a_channel_that_juliaup_does_not_have_is_told_with_the_command(patient: Patient) -> None:
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"InstalledChannels": {"release": {}}}))
    patient.config("kaimond.toml", '[julia]\ncommand = "+1.10"\n')
    finding = patient.one(julia.configured)

    assert finding.level is Level.FAIL
    assert "juliaup add 1.10" in finding.cure
    assert "No session was started" not in finding.text


def test_a_file_of_juliaup_that_cannot_be_read_warns(patient: Patient) -> None:
    patient.julia()
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")

    assert patient.examine(julia.others)[-1].level is Level.WARN


def test_a_repository_whose_wishes_are_not_approved_is_told_with_the_command(
    patient: Patient,
) -> None:
    patient.julia()
    project = patient.home / "P"
    project.mkdir()
    (project / "Project.toml").touch()
    (project / "kaimon.toml").write_text('[launch]\njulia_bin = "/their/julia"\n')
    patient.config("projects.json", json.dumps({"projects": [{"project_path": str(project)}]}))
    finding = patient.one(configuration.projects)

    assert finding.level is Level.WARN
    assert "kaimonctl project approve" in finding.cure


# Directories


def test_directories_that_are_not_there_yet_are_well_and_are_not_made(patient: Patient) -> None:
    del patient.environ["KAIMON_RUNTIME_DIR"]
    assert bad(patient.examine(directories.runtime_directory)) == []
    assert bad(patient.examine(directories.others)) == []
    assert list(patient.home.iterdir()) == []


def test_a_runtime_directory_that_others_can_enter_is_named_with_the_command(
    patient: Patient,
) -> None:
    directory = patient.home / "run"
    directory.mkdir()
    directory.chmod(0o755)
    failed, _environment = patient.examine(directories.runtime_directory)

    assert failed.level is Level.FAIL
    assert "755" in failed.text
    subprocess.run(failed.cure, shell=True, check=True)
    assert directories.privacy(directory) is None


def test_links_files_and_paths_below_files_are_named(patient: Patient) -> None:
    real = patient.home / "real"
    real.mkdir(mode=0o700)
    link, file = patient.home / "link", patient.home / "file"
    link.symlink_to(real)
    file.touch()

    for path, word in ((link, "symbolic link"), (file, "not a directory")):
        problem = directories.privacy(path)
        assert problem
        assert word in problem[0]
        assert problem[1]
    below = directories.privacy(file / "run")
    assert below
    assert below[1]


def test_a_configuration_that_others_can_change_is_a_failure(patient: Patient) -> None:
    patient.config("kaimond.toml", "").parent.chmod(0o777)
    failed = bad(patient.examine(directories.others))

    assert [finding.level for finding in failed] == [Level.FAIL]
    assert failed[0].cure.startswith("chmod 700 ")


def test_sockets_whose_paths_are_too_long_are_named_with_the_variable(patient: Patient) -> None:
    patient.environ["KAIMON_RUNTIME_DIR"] = str(patient.home / ("x" * 100))
    patient.environ["XDG_CACHE_HOME"] = str(patient.home / ("y" * 100))
    control = bad(patient.examine(directories.runtime_directory))
    sessions = bad(patient.examine(directories.others))

    assert "KAIMON_RUNTIME_DIR" in control[-1].cure
    assert "XDG_CACHE_HOME" in sessions[-1].cure


# The daemon


def test_no_daemon_is_well(patient: Patient) -> None:
    assert patient.one(daemon.socket).level is Level.OK
    assert patient.one(daemon.daemon).level is Level.OK


def test_a_daemon_of_another_version_is_told_with_the_cure(patient: Patient) -> None:
    patient.contact = Contact(DaemonState.RUNNING, version={"version": "0.0.1", "pid": 7})
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.WARN
    assert "0.0.1" in finding.text
    assert __version__ in finding.text
    assert "kaimonctl reload" in finding.cure


def test_what_the_daemon_complains_about_is_told_and_so_are_old_shims(patient: Patient) -> None:
    status = {
        "problems": ["the disk is full"],
        "agents": [{"version": "0.0.1", "pid": 3}, {"version": __version__, "pid": 4}],
    }
    patient.contact = Contact(
        DaemonState.RUNNING, version={"version": __version__, "pid": 7}, status=status
    )
    well, problem, shim = patient.examine(daemon.daemon)

    assert well.level is Level.OK
    assert problem.text == "the disk is full"
    assert "process 3" in shim.text


def test_a_daemon_of_another_protocol_is_a_failure_with_its_own_cure(patient: Patient) -> None:
    words = wire.skew_words("ctl", wire.Side("0.2.0", 3, 3), wire.Side("0.1.0", 1, 2))
    patient.contact = Contact(DaemonState.SKEWED, words)
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.FAIL
    assert "too old" in finding.text
    assert "kaimonctl reload" in finding.cure


def test_a_daemon_that_does_not_answer_is_a_failure(patient: Patient) -> None:
    patient.contact = Contact(DaemonState.UNCLEAR, "kaimond has not answered for 5 s.")
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.FAIL
    assert "kaimonctl log" in finding.cure


def test_what_is_at_the_sockets_path_is_looked_at(patient: Patient) -> None:
    path = patient.world.paths.control_socket
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        assert patient.one(daemon.socket).cure == f"chmod 600 {path}"
        path.chmod(0o600)
        assert patient.one(daemon.socket).level is Level.OK
    path.unlink()
    path.touch()
    assert patient.one(daemon.socket).level is Level.FAIL


# Configuration


def test_without_any_file_the_defaults_hold_and_a_project_is_missing(patient: Patient) -> None:
    assert patient.one(configuration.settings).level is Level.OK
    finding = patient.one(configuration.projects)
    assert finding.level is Level.WARN
    assert "kaimonctl project allow" in finding.cure


def test_a_wrong_value_fails_and_an_unknown_key_warns(patient: Patient) -> None:
    patient.config("kaimond.toml", "[logg]\n")
    assert patient.one(configuration.settings).level is Level.WARN
    patient.config("kaimond.toml", "[log]\nlevel = 1\n")
    assert patient.one(configuration.settings).level is Level.FAIL
    patient.config("kaimond.toml", "[")
    assert patient.one(configuration.settings).level is Level.FAIL


def test_an_unreadable_list_of_projects_is_a_failure(patient: Patient) -> None:
    patient.config("projects.json", "{")

    assert patient.one(configuration.projects).level is Level.FAIL


def test_each_project_is_looked_at(patient: Patient) -> None:
    patient.julia()
    paths = {}
    for name in ("well", "incomplete", "no-project", "gone", "denied"):
        paths[name] = patient.home / name
        if name != "gone":
            paths[name].mkdir()
        if name in ("well", "incomplete"):
            (paths[name] / "Project.toml").write_text("")
    (paths["incomplete"] / "Project.toml").write_text(f'[deps]\nFoo = "{UUID}"\n')
    entries = [
        {"project_path": str(path), "enabled": name != "denied"} for name, path in paths.items()
    ]
    patient.config("projects.json", json.dumps({"projects": entries}))
    well, incomplete, strange, gone = patient.examine(configuration.projects)

    assert well.level is Level.OK
    assert incomplete.level is Level.WARN
    assert "no manifest" in incomplete.text
    assert "Pkg.instantiate()" in incomplete.cure
    assert "Project.toml" in strange.text
    assert "kaimonctl project deny" in gone.cure


def test_a_faulty_entry_is_told_and_hides_no_other(patient: Patient) -> None:
    entries = [{"project_path": 3}, {"project_path": str(patient.home), "launch_config": 3}]
    patient.config("projects.json", json.dumps({"projects": entries}))
    (patient.home / "Project.toml").touch()
    found = patient.examine(configuration.projects)

    assert [finding.level for finding in found] == [Level.WARN] * 3
    assert all(finding.cure for finding in found)


# The machine


@pytest.mark.parametrize(
    ("free", "level"), [(10 * 2**30, Level.OK), (2**29, Level.WARN), (2**20, Level.FAIL)]
)
def test_little_space_warns_and_no_space_fails(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    class Usage:
        pass

    Usage.free = free  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage)

    assert {finding.level for finding in patient.examine(machine.disk)} == {level}


@pytest.mark.parametrize("check", [machine.open_files, machine.processes, machine.terminals])
def test_limits_of_this_machine_can_be_told(patient: Patient, check: Check) -> None:
    assert patient.one(check).text


def test_few_open_files_warn(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    finding = patient.one(machine.open_files)

    assert finding.level is Level.WARN
    assert "ulimit -n 4096" in finding.cure


def test_few_processes_warn(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1000, 4096))
    monkeypatch.setattr(machine, "_running", lambda: 900)
    finding = patient.one(machine.processes)

    assert finding.level is Level.WARN
    assert "ulimit -u" in finding.cure


def test_no_terminal_warns(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", none_left)

    assert patient.one(machine.terminals).level is Level.WARN


# A neighbour


def announce(patient: Patient, name: str, pid: int) -> None:
    directory = patient.world.paths.sockets
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / name).write_text(json.dumps({"pid": pid, "name": "MyPkg"}))


def test_our_own_sessions_are_no_neighbours(patient: Patient) -> None:
    announce(patient, "1a2b3c4d.json", os.getpid())
    announce(patient, "1a2b3c4d.sock", 0)

    assert patient.one(neighbour.neighbour).level is Level.OK


def test_live_sessions_of_the_other_system_are_counted(patient: Patient) -> None:
    announce(patient, f"{UUID}.json", os.getpid())
    announce(patient, f"{UUID}-stream.sock", 0)
    finding = patient.one(neighbour.neighbour)

    assert finding.level is Level.WARN
    assert str(os.getpid()) in finding.text


def test_its_leftovers_are_told(patient: Patient) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    announce(patient, f"{UUID}.json", ended.pid)
    finding = patient.one(neighbour.neighbour)

    assert finding.level is Level.WARN
    assert "has left files" in finding.text


def test_other_files_are_told_and_are_no_trouble(patient: Patient) -> None:
    announce(patient, "something.txt", 0)
    (patient.world.paths.sockets.parent / "kaimon.db").touch()
    used, stranger = patient.examine(neighbour.neighbour)

    assert used.level is Level.OK
    assert "something.txt" in stranger.text


@pytest.mark.parametrize("pid", [0, -1, 1, 2**80, "x", None])
def test_announcements_with_strange_processes_count_as_dead(patient: Patient, pid: object) -> None:
    announce(patient, f"{UUID}.json", pid)  # type: ignore[arg-type]

    assert "has left files" in patient.one(neighbour.neighbour).text


# The service


def unit(patient: Patient, program: str, mark: str = MARK) -> Path:
    if sys.platform == "darwin":
        file = patient.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        content = plistlib.dumps({"ProgramArguments": [program], "Comment": mark})
    else:
        file = patient.home / ".config" / "systemd" / "user" / SERVICE
        content = f'# {mark}\n[Service]\nExecStart="{program}" -m x\n'.encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_service_that_is_not_installed_is_well(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PACKAGED", ())
    assert patient.one(service.service).level is Level.OK


def test_a_service_must_start_a_program_that_exists(patient: Patient) -> None:
    unit(patient, "/no/such/kaimond")
    failed = patient.one(service.service)

    assert failed.level is Level.FAIL
    assert "kaimonctl service install" in failed.cure


def test_a_service_of_another_installation_or_hand_is_told(patient: Patient) -> None:
    unit(patient, "/bin/sh")
    assert "/bin/sh" in patient.examine(service.service)[0].text

    unit(patient, sys.executable, mark="mine")
    assert "not written by kaimonctl" in patient.examine(service.service)[0].text


def test_the_service_manager_is_asked(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    unit(patient, sys.executable)
    service_lines = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running"
    answer = patient.home / "answer"
    answer.write_text(f"{service_lines}\n\nLoadState=loaded\nActiveState=active\n")
    monkeypatch.setattr(Systemd, "question", lambda self: ("cat", str(answer)))
    monkeypatch.setattr(service, "_manager", lambda world: Systemd(owner(patient)))
    file = patient.home / ".config" / "systemd" / "user" / SERVICE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'# {MARK}\n[Service]\nExecStart="{sys.executable}"\n')
    assert "active (running)" in patient.one(service.service).text

    answer.write_text("")
    assert "systemd does not answer" in patient.one(service.service).text
    monkeypatch.setattr(Systemd, "question", lambda self: ("/no/such/program",))
    assert "cannot be asked" in patient.one(service.service).text


def owner(patient: Patient) -> Installation:
    return Installation(
        home=patient.home, uid=os.getuid(), environment={}, error_file=patient.home / "e"
    )


# MCP clients


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

"""The units, and what systemd is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kaimond.service_manager.service_plan import MARK, Installation, ServiceState, template
from kaimond.service_manager.service_state import SERVICE, SOCKET
from kaimond.service_manager.systemd import Systemd, exec_words, quoted
from tests.support.home import CHECKOUT

HOME = Path("/home/you")


def systemd(python: str = "/opt/k/bin/python", **environment: str) -> Systemd:
    return Systemd(Installation(HOME, 1000, environment, HOME / "err", python))


def values(text: str, name: str) -> list[str]:
    return [
        line.removeprefix(f"{name}=") for line in text.splitlines() if line.startswith(f"{name}=")
    ]


def test_the_units_go_where_systemd_looks_and_say_whose_they_are() -> None:
    files = systemd().files()
    assert [str(file.path) for file in files] == [
        "/home/you/.config/systemd/user/kaimond.service",
        "/home/you/.config/systemd/user/kaimond.socket",
    ]
    assert all(file.text.startswith(f"# {MARK}") for file in files)


def test_programs_are_named_absolutely_and_by_the_interpreter_that_has_kaimond() -> None:
    service, socket = (file.text for file in systemd().files())
    assert values(service, "ExecStart") == ["/opt/k/bin/python -P -m kaimond.daemon"]
    assert values(service, "ExecReload") == ["/opt/k/bin/python -P -m kaimond.ctl reload"]
    assert values(socket, "ExecStartPre") == ["/opt/k/bin/python -P -m kaimond.daemon --alone"]
    assert "/usr/bin" not in service + socket


def test_the_path_of_the_installing_shell_is_kept_and_its_secrets_are_not() -> None:
    shell = {"PATH": "/a b:/c%d", "JULIA_DEPOT_PATH": "/depot", "OPENAI_API_KEY": "secret"}
    service = systemd(**shell).files()[0].text
    assert values(service, "Environment") == ['"PATH=/a b:/c%%d"', '"JULIA_DEPOT_PATH=/depot"']
    assert service.index("Environment=") > service.index("[Service]")
    assert "secret" not in service


def test_a_variable_that_would_break_the_unit_is_left_out() -> None:
    assert values(systemd(PATH="/a\n[Install]").files()[0].text, "Environment") == []


def test_words_with_anything_in_them_stay_one_word() -> None:
    assert quoted('a "b" \\ %h') == '"a \\"b\\" \\\\ %%h"'
    assert exec_words(["/my $tools/python", "-m", "x", "$HOME", "100%"]) == (
        '"/my $tools/python" -m x "$$HOME" "100%%"'
    )


def test_the_daemon_is_watched_restarted_and_killed_alone() -> None:
    service = template("kaimond.service")
    for name, value in {
        "Type": "notify",
        "NotifyAccess": "main",
        "Restart": "on-failure",
        "KillMode": "process",
        "OOMPolicy": "continue",
        "UMask": "0077",
    }.items():
        assert values(service, name) == [value]
    assert int(values(service, "WatchdogSec")[0]) >= 30, "a busy machine is no reason to abort"


@pytest.mark.parametrize("name", ["kaimond.service", "kaimond.socket"])
def test_nothing_in_the_units_limits_what_code_in_sessions_may_do(name: str) -> None:
    keys = {line.split("=")[0] for line in template(name).splitlines() if "=" in line}
    limits = {
        "MemoryDenyWriteExecute",
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectHome",
        "ProtectSystem",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "SystemCallFilter",
        "SystemCallArchitectures",
        "LockPersonality",
        "MemoryMax",
        "CPUQuota",
    }
    assert not keys & limits


def test_every_line_of_the_units_is_explained_in_the_document() -> None:
    document = (CHECKOUT / "docs" / "service.md").read_text(encoding="utf-8")
    evident = ("#", "[", "Description=", "ExecStart=", "WantedBy=")
    lines = [line for name in (SERVICE, SOCKET) for line in template(name).splitlines() if line]
    for line in lines:
        if not line.startswith(evident):
            assert f"`{line.replace('/usr/bin/', '… ')}`" in document


def test_contrib_shows_the_same_files() -> None:
    for file in ("systemd/kaimond.service", "systemd/kaimond.socket"):
        shown = CHECKOUT / "contrib" / file
        assert shown.read_text() == template(shown.name)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_itself_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    odd = tmp_path / "a %b $c" / "python"
    odd.parent.mkdir()
    odd.write_text("#!/bin/sh\n")
    odd.chmod(0o755)
    units = []
    for file in systemd(str(odd), PATH='/a "b" %h').files():
        units.append(tmp_path / file.path.name)
        units[-1].write_text(file.text)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", "--recursive-errors=no", *map(str, units)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    # It complains of the machine's other units, too.
    assert [line for line in done.stderr.splitlines() if "kaimond" in line] == []


SHOWN = """\
Result=success
NRestarts=2
MainPID=42
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled

MainPID=0
ActiveState=active
UnitFileState=enabled
"""


def test_a_running_service_is_read_from_its_properties() -> None:
    assert systemd().state(0, SHOWN) == ServiceState(
        known=True, enabled=True, active=True, pid=42, said="active (running), restarted 2 times"
    )


def test_a_failed_service_says_how_and_an_open_socket_that_a_client_starts_it() -> None:
    failed = SHOWN.replace("ActiveState=active\nSub", "ActiveState=failed\nSub")
    failed = failed.replace("MainPID=42", "MainPID=0").replace("success", "watchdog")
    state = systemd().state(0, failed.replace("=running", "=failed"))
    assert state.pid == 0
    assert state.active, "a client that connects starts it"
    assert state.said.startswith("failed (failed), ended with watchdog")
    assert state.said.endswith("the socket is open, a client starts it")


def test_a_service_that_is_not_there_and_a_systemd_that_is_not_there_differ() -> None:
    missing = "MainPID=0\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState="
    state = systemd().state(0, f"{missing}\n\n{missing}")
    assert (state.known, state.enabled, state.active) == (False, False, False)
    assert systemd().state(1, "").said == "systemd does not answer"


def test_lingering_is_a_file_of_the_users_name(tmp_path: Path) -> None:
    assert not systemd().lingers("you", tmp_path)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger/you").touch()
    assert systemd().lingers("you", tmp_path)


def test_a_start_or_a_stop_means_the_socket_as_well() -> None:
    manager = systemd()
    for steps in (manager.starting(), manager.stopping(), manager.removing(), manager.loading()):
        for step in steps:
            if step.command[2] != "daemon-reload":
                assert step.command[-2:] == ("kaimond.socket", "kaimond.service")
    assert manager.question()[-2:] == ("kaimond.service", "kaimond.socket")

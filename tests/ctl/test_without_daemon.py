"""What ``kaimonctl`` does when no daemon runs."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaimond import __version__
from kaimond.ctl import command_line, session_output
from tests.ctl.conftest import CTL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home

RECORDS = [
    f"2026-01-01T00:00:0{number}.000Z {level:7} session={session} agent=- kaimond.x: {text}"
    for number, (level, session, text) in enumerate(
        [
            ("INFO", "-", "first"),
            ("WARNING", "1a2b3c4d", "second"),
            ("ERROR", "-", "third\\x1b[2J"),
        ]
    )
]


def log_file(home: Home) -> Path:
    path = home.path / ".local" / "state" / "kaimon" / "log" / "server.log"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(RECORDS) + "\n")
    return path


@pytest.mark.parametrize(
    "arguments", [["status"], ["sessions"], ["shutdown", "x"], ["restart", "x"], ["stop"]]
)
def test_what_needs_a_daemon_says_that_none_runs_and_is_three(
    home: Home, arguments: list[str]
) -> None:
    done = home.ctl(*arguments)
    assert done.returncode == 3
    assert "kaimond is not running" in done.stderr
    assert "kaimond --detach" in done.stderr
    assert done.stdout == ""


def test_asking_leaves_no_traces(home: Home) -> None:
    home.ctl("status")
    home.ctl("project", "list")
    assert list(home.path.iterdir()) == []


def test_a_dead_daemons_socket_is_no_daemon(home: Home) -> None:
    home.runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.runtime / "kaimond.sock"))
    assert home.ctl("status").returncode == 3


def test_an_open_runtime_directory_is_named_with_the_cure(home: Home) -> None:
    home.runtime.mkdir()
    home.runtime.chmod(0o755)
    done = home.ctl("status")
    assert done.returncode == 4
    assert f"chmod 700 {home.runtime}" in done.stderr


def test_version_is_told_without_a_daemon(home: Home) -> None:
    done = home.ctl("version")
    assert done.returncode == 0
    assert done.stdout == f"kaimonctl {__version__}\nkaimond is not running\n"


def test_bad_usage_is_two(home: Home) -> None:
    for arguments in (
        [],
        ["bogus"],
        ["prefs", "set"],
        ["log", "-n", "x"],
        ["log", "--session", "../x"],
    ):
        assert home.ctl(*arguments).returncode == 2


@pytest.mark.parametrize("command", command_line.COMMANDS)
def test_every_commands_help_has_an_example(home: Home, command: str) -> None:
    done = home.ctl(command, "--help")
    assert done.returncode == 0
    assert re.search(rf"^examples?:\s+kaimonctl {command}", done.stdout, re.MULTILINE)


def test_status_loads_little(home: Home) -> None:
    code = "import sys; from kaimond.ctl import main; main(['status']); print(*sys.modules)"
    done = subprocess.run(
        [CTL[0], "-c", code], env=home.environ, capture_output=True, text=True, check=True
    )
    slow = {"asyncio", "dataclasses", "inspect", "kaimond.logs", "kaimond.start_daemon", "logging"}
    assert not slow & set(done.stdout.split())


def test_the_log_is_read_without_a_daemon(home: Home) -> None:
    log_file(home)
    assert home.ctl("log").stdout.splitlines() == RECORDS
    assert home.ctl("log", "-n", "1").stdout.splitlines() == RECORDS[2:]
    assert home.ctl("log", "--level", "warning").stdout.splitlines() == RECORDS[1:]
    assert home.ctl("log", "--session", "1a2b3c4d").stdout.splitlines() == RECORDS[1:2]
    first = json.loads(home.ctl("log", "--json").stdout.splitlines()[0])
    assert first["message"] == "first"


def test_the_log_that_the_daemon_announced_is_the_one_that_is_read(home: Home) -> None:
    home.runtime.mkdir(mode=0o700)
    elsewhere = home.path / "elsewhere.log"
    elsewhere.write_text(RECORDS[0] + "\n")
    (home.runtime / "kaimond.json").write_text(json.dumps({"log": str(elsewhere)}))
    assert home.ctl("log").stdout == RECORDS[0] + "\n"


def test_a_log_that_is_not_there_yet_is_said_so(home: Home) -> None:
    done = home.ctl("log")
    assert done.returncode == 0
    assert "does not exist yet" in done.stderr


def test_a_followed_log_shows_what_comes(home: Home) -> None:
    path = log_file(home)
    process = home.popen("log", "-f", "-n", "1")
    try:
        assert process.stdout
        assert process.stdout.readline() == RECORDS[2] + "\n"
        with path.open("a") as log:
            log.write(RECORDS[0] + "\n")
        assert process.stdout.readline() == RECORDS[0] + "\n"
    finally:
        process.send_signal(2)
        process.communicate()
    assert process.returncode == 130


def session_log(home: Home) -> Path:
    path = home.path / ".local" / "state" / "kaimon" / "log" / "sessions" / "1a2b3c4d.log"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_sessions_output_is_shown_from_its_end(home: Home, end: str) -> None:
    lines = [f"line {number} " + "x" * 2000 for number in range(100)]
    session_log(home).write_text("\n".join(lines) + end)
    for count in (0, 1, 40, 99, 100, 1000):
        out = home.ctl("log", "--session-output", "1a2b3c4d", "-n", str(count)).stdout
        assert out.splitlines() == (lines[-count:] if count else [])


def test_a_followed_session_output_survives_rotation(home: Home) -> None:
    path = session_log(home)
    path.write_text("old\n")
    process = home.popen("log", "--session-output", "1a2b3c4d", "-f")
    try:
        assert process.stdout
        assert process.stdout.readline() == "old\n"
        path.rename(path.with_suffix(".1"))
        path.write_text("new\n")
        assert process.stdout.readline() == "new\n"
    finally:
        process.send_signal(2)
        process.communicate()


def test_a_session_output_is_found_by_the_beginning_of_its_key(home: Home) -> None:
    path = session_log(home)
    path.write_text("its output\n")
    for given in ([], ["1a2b"]):
        assert home.ctl("log", "--session-output", *given).stdout == "its output\n"
    path.with_name("1affffff.log").touch()
    done = home.ctl("log", "--session-output", "1a")
    assert done.returncode == 1
    assert done.stderr.endswith("There are logs of: 1a2b3c4d, 1affffff\n")


def test_a_session_without_output_is_an_error(home: Home) -> None:
    done = home.ctl("log", "--session-output", "1a2b3c4d")
    assert done.returncode == 1
    assert "sessions --all" in done.stderr


def test_on_a_terminal_output_has_colours_and_no_other_power(home: Home) -> None:
    session_log(home).write_text("\x1b[31mred\x1b[0m\x1b]0;title\x07\n")
    master, slave = pty.openpty()
    try:
        command = [*CTL, "log", "--session-output", "1a2b3c4d"]
        subprocess.run(command, env=home.environ, stdout=slave, check=True)
        shown = os.read(master, 1000).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert shown == "\x1b[31mred\x1b[0m\\x1b]0;title\\x07\r\n"


def test_harmless_text_is_left_alone() -> None:
    text = "a\tb\nGrüße \x1b[1;32mok\x1b[0m\n"
    assert session_output.harmless(text) == text
    assert session_output.harmless("10%\r20%\x1b[K") == "10%\n20%\\x1b[K"
    repainted = "10%\r20%\x1b[K\r\n\x1b[A"
    assert session_output.harmless(repainted, repaints=True) == repainted
    assert session_output.harmless("\x1b[2J", repaints=True) == "\\x1b[2J"


def test_projects_are_allowed_denied_and_listed(home: Home) -> None:
    project = home.path / "MyPkg"
    project.mkdir()
    (project / "Project.toml").write_text('name = "MyPkg"\n')
    assert "no projects" in home.ctl("project", "list").stdout
    allowed = home.ctl("project", "allow", "MyPkg", cwd=home.path)
    assert allowed.stdout == f"{project}: added\n"
    assert f"allowed  {project}" in home.ctl("project", "list").stdout
    home.ctl("project", "deny", str(project))
    listed = json.loads(home.ctl("project", "list", "--json").stdout)
    (entry,) = listed["projects"]
    assert (entry["path"], entry["stored"]) == (str(project), str(project))
    assert not entry["enabled"]
    assert listed["problems"] == []


def test_a_directory_that_is_no_project_is_refused(home: Home) -> None:
    done = home.ctl("project", "allow", str(home.path / "missing"))
    assert done.returncode == 1
    assert "does not exist" in done.stderr


def test_a_broken_list_of_projects_is_told(home: Home) -> None:
    file = home.path / ".config" / "kaimon" / "projects.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    listed = home.ctl("project", "list")
    assert str(file) in listed.stderr
    assert "no projects" not in listed.stdout


def test_a_command_loads_nothing_of_other_commands_and_nothing_slow(home: Home) -> None:
    code = "import sys; from kaimond.ctl import main; main(['status']); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=home.environ, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "kaimond.ctl.commands.status" in loaded
    assert [name for name in loaded if name.startswith("kaimond.ctl.commands.")] == [
        "kaimond.ctl.commands.status"
    ]
    slow = {"asyncio", "dataclasses", "inspect", "logging", "pathlib", "subprocess", "tempfile"}
    slow |= {"threading", "importlib.metadata", "tomllib", "kaimond.config", "kaimond.doctor"}
    slow |= {"tomli_w", "tomlkit"}
    assert not slow & loaded

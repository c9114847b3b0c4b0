"""The agent, and what launchd is told. launchd itself is not here; its manual is what was read."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from kaimond.service_manager.launchd import Launchd
from kaimond.service_manager.service_plan import MARK, Installation, ServiceState, template
from tests.support.home import CHECKOUT

HOME = Path("/Users/you")
AGENT = "org.kaimon.kaimond.plist"


def launchd(**environment: str) -> Launchd:
    return Launchd(Installation(HOME, 501, environment, HOME / "err.log", "/opt/k/bin/python"))


def agent(**environment: str) -> dict[str, Any]:
    (file,) = launchd(**environment).files()
    read: dict[str, Any] = plistlib.loads(file.text.encode())
    return read


def test_the_agent_goes_where_launchd_looks_and_says_whose_it_is() -> None:
    (file,) = launchd().files()
    assert str(file.path) == f"/Users/you/Library/LaunchAgents/{AGENT}"
    assert MARK in file.text


def test_the_agent_is_named_as_its_file_and_runs_in_the_foreground() -> None:
    read = agent()
    assert f"{read['Label']}.plist" == AGENT
    assert read["ProgramArguments"] == [
        "/opt/k/bin/python",
        "-P",
        "-m",
        "kaimond.daemon",
        "--quiet",
    ]


def test_the_environment_of_the_installing_shell_and_the_log_are_in_it() -> None:
    read = agent(PATH="/a & b", HOME="/x", GH_TOKEN="secret")
    assert read["EnvironmentVariables"] == {"PATH": "/a & b"}
    assert read["StandardErrorPath"] == "/Users/you/err.log"


def test_every_key_is_explained_in_the_document() -> None:
    document = (CHECKOUT / "docs" / "service.md").read_text(encoding="utf-8")
    for key in agent():
        assert f"`{key}`" in document


def test_only_a_failure_is_followed_by_a_start_and_julia_is_not_throttled() -> None:
    read = plistlib.loads(template(AGENT).encode())
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["ProcessType"] == "Interactive"
    assert read["ThrottleInterval"] == 10
    assert read["Umask"] == 0o077
    assert read["ExitTimeOut"] >= 60, "ending sessions in order takes a while"


def test_contrib_shows_the_same_file() -> None:
    assert (CHECKOUT / "contrib" / "launchd" / AGENT).read_text() == template(AGENT)


def test_commands_name_the_users_own_agent() -> None:
    manager = launchd()
    steps = [*manager.starting(), *manager.stopping(), *manager.between(), *manager.removing()]
    for step in steps:
        assert step.command[0] == "launchctl"
        assert any(word.startswith("gui/501") for word in step.command)


@pytest.mark.parametrize(
    ("code", "output", "state"),
    [
        (113, "Could not find service", ServiceState(said="not loaded")),
        (5, "", ServiceState(said="launchd does not answer")),
        (
            0,
            "gui/501/x = {\n\tstate = running\n\tpid = 42\n\tother = {\n\t\tpidx = 7\n\t}\n}",
            ServiceState(known=True, enabled=True, active=True, pid=42, said="running"),
        ),
        (
            0,
            "gui/501/x = {\n\tstate = not running\n}",
            ServiceState(known=True, enabled=True, said="not running"),
        ),
    ],
)
def test_what_launchd_prints_is_read_with_care(code: int, output: str, state: ServiceState) -> None:
    assert launchd().state(code, output) == state

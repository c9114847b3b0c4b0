"""``kaimon-mcp`` and the real daemon, which the shims start themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from kaimond import start_daemon
from tests.ctl.conftest import CTL
from tests.shim.conftest import Client, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Clients = Callable[..., Client]


def daemon_pid(directory: Path) -> int:
    return int(json.loads((directory / "kaimond.json").read_text())["pid"])


@pytest.fixture
def real(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runtime directory of a home in which nothing has run yet."""
    home = directory / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KAIMON_RUNTIME_DIR", str(directory))
    yield directory
    subprocess.run([*CTL, "stop"], check=False, capture_output=True)
    wait_for(lambda: not start_daemon.daemon_is_there(str(directory)))


def test_twenty_shims_at_once_start_one_daemon(real: Path, clients: Clients) -> None:
    crowd = [clients() for _ in range(20)]
    for client in crowd:
        assert client.initialise()["result"]["serverInfo"]
    starts = [
        line
        for line in (real / "home/.local/state/kaimon/log/server.log").read_text().splitlines()
        if f"starts (pid {daemon_pid(real)})" in line
    ]
    assert len(starts) == 1
    for client in crowd:
        client.send(id=1, method="tools/list")
    counts = {len(client.answer(1)["result"]["tools"]) for client in crowd}
    assert len(counts) == 1
    assert counts != {0}


def test_a_killed_daemon_is_started_again_by_the_next_call(real: Path, clients: Clients) -> None:
    client = clients()
    client.initialise()
    for turn in range(3):
        before = daemon_pid(real)
        os.kill(before, signal.SIGKILL)
        client.send(id=turn, method="tools/call", params={"name": "ping", "arguments": {}})
        assert client.answer(turn)["result"]["content"]
        assert daemon_pid(real) != before


def test_a_daemon_that_cannot_start_is_quoted(real: Path, clients: Clients) -> None:
    settings = real / "home/.config/kaimon/kaimond.toml"
    settings.parent.mkdir(parents=True, mode=0o700)
    settings.write_text("[daemon\n")
    client = clients()
    told = client.initialise()["result"]["instructions"]
    assert "kaimond did not start" in told
    assert str(settings) in told
    settings.unlink()
    client.send(id=1, method="tools/call", params={"name": "ping", "arguments": {}})
    assert client.answer(1)["result"]["isError"] is True
    # That call has asked for another try, which succeeds by itself.
    assert client.receive()["method"] == "notifications/tools/list_changed"
    client.send(id=2, method="tools/call", params={"name": "ping", "arguments": {}})
    assert not client.answer(2)["result"].get("isError")

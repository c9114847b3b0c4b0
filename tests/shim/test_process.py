"""A real ``kaimon-mcp`` process between a client and a scripted daemon."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond import __version__, runtime, wire
from tests.shim.conftest import SHIM, Client, Daemon, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Clients = Callable[..., Client]

LONG_FAREWELL = "from kaimond.shim import pump; pump.FAREWELL = 3600"


def test_the_handshake_and_calls_pass_through(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients()
    assert client.initialise()["result"]
    client.call(1)
    assert client.answer(1)["result"]["text"]
    (hello,) = daemon.heard(kaimon=wire.PROTOCOL)
    assert hello["role"] == "mcp"
    assert hello["version"] == __version__
    assert len(bytes.fromhex(hello["agent"])) == 8
    assert "replay" not in hello


@pytest.mark.parametrize("legacy", [True, False], ids=["initialize", "modern"])
def test_twenty_killed_daemons_lose_no_call(daemon: Daemon, clients: Clients, legacy: bool) -> None:
    daemon.start()
    client = clients()
    if legacy:
        client.initialise()
    for turn in range(20):
        client.call(f"open-{turn}", hang=True)
        daemon.wait_heard(id=f"open-{turn}")
        daemon.kill()
        client.call(turn)
        daemon.start()
        assert client.answer(turn)["result"]["text"] == str(daemon.process and daemon.process.pid)
        client.send(method="notifications/cancelled", params={"requestId": f"open-{turn}"})
    hellos = daemon.heard(kaimon=1)
    assert len(hellos) == 21
    assert len({hello["agent"] for hello in hellos}) == 1
    assert [hello.get("replay") for hello in hellos[1:]] == [[f"open-{n}"] for n in range(20)]
    assert len(daemon.heard(method="initialize")) == (21 if legacy else 0)
    assert client.process.poll() is None


def test_a_client_that_was_initialised_is_told_to_look_at_the_tools_again(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients()
    client.initialise()
    daemon.wait_heard(method="notifications/initialized")
    daemon.kill()
    daemon.start()
    assert client.receive()["method"] == "notifications/tools/list_changed"
    client.call(1)
    assert client.receive()["id"] == 1


def test_a_call_that_kills_every_daemon_is_answered_in_words(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients()
    client.call(1, die=True)
    for _ in range(3):
        assert daemon.process
        daemon.process.wait(60)
        daemon.spawn()
    answer = client.answer(1)
    assert answer["result"]["isError"] is True
    assert "4 times" in answer["result"]["content"][0]["text"]
    daemon.kill()
    daemon.start()
    client.call(2)
    assert client.answer(2)["result"]["text"]
    assert len(daemon.heard(id=1)) == 4


def test_a_daemon_that_comes_late_gets_what_was_asked_before(
    daemon: Daemon, clients: Clients
) -> None:
    client = clients()
    client.send(id=1, method="tools/list")
    client.call(2)
    # Long enough for the shim to have looked for the daemon several times.
    time.sleep(0.3)
    assert client.lines.empty()
    daemon.start()
    assert {client.receive()["id"], client.receive()["id"]} == {1, 2}


def test_ten_megabytes_pass_both_ways(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients()
    size = 10 * 2**20
    client.call(1, code="y" * size, size=size)
    assert len(client.answer(1)["result"]["text"]) == size


def test_a_line_above_the_limit_is_refused_by_its_id_and_the_next_one_served(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients()
    client.call(1, code="y" * (wire.MAX_LINE + 1))
    client.call(2)
    refusal = client.receive()
    assert refusal["id"] == 1
    assert str(wire.MAX_LINE) in refusal["error"]["message"]
    assert client.answer(2)["result"]
    assert daemon.heard(id=1) == []


def test_a_client_that_reads_slowly_gets_everything_and_blocks_nothing(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients(read=False)
    for ident in range(60):
        client.call(ident, size=2**20)
    # The client's requests are read although none of the answers is.
    wait_for(lambda: len(daemon.heard(method="tools/call")) == 60)
    shim = psutil.Process(client.process.pid)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        assert shim.memory_info().rss < 40 * 2**20
        time.sleep(0.05)
    client.read_now()
    answers = [client.receive() for _ in range(60)]
    assert {answer["id"] for answer in answers} == set(range(60))
    assert all(len(answer["result"]["text"]) == 2**20 for answer in answers)


def test_a_client_that_leaves_still_gets_the_answers_that_are_under_way(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients(first=LONG_FAREWELL)
    client.call(1, seconds=0.5)
    assert client.hang_up() == 0
    assert client.answer(1)["result"]


def test_a_last_line_without_newline_counts(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients()
    client.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    assert client.hang_up() == 0
    assert client.answer(1)["result"]


def test_a_client_that_leaves_is_not_waited_for_for_ever(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients()
    client.call(1, hang=True)
    daemon.wait_heard(id=1)
    assert client.hang_up() == 0
    assert client.lines.empty()


def test_a_client_that_leaves_with_nothing_open_is_not_waited_for(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start()
    client = clients(first=LONG_FAREWELL)
    client.initialise()
    assert client.hang_up() == 0


def test_a_client_that_closes_its_ear_ends_the_shim(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients(read=False)
    assert client.process.stdout
    client.process.stdout.close()
    client.call(1)
    assert client.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_shim_quietly(
    daemon: Daemon, clients: Clients, number: signal.Signals
) -> None:
    daemon.start()
    client = clients()
    client.initialise()
    client.call(1, hang=True)
    daemon.wait_heard(id=1)
    client.process.send_signal(number)
    assert client.process.wait(60) == 0
    assert client.errors == []


def test_a_refused_hello_is_told_word_for_word(daemon: Daemon, clients: Clients) -> None:
    daemon.start("The two versions cannot work together. Restart your client.")
    client = clients()
    answer = client.initialise()
    assert "The two versions cannot work together." in answer["result"]["instructions"]
    client.call(1)
    text = client.answer(1)["result"]["content"][0]["text"]
    assert "The two versions cannot work together. Restart your client." in text
    assert client.process.poll() is None


def test_an_open_runtime_directory_is_told_with_the_cure(directory: Path, clients: Clients) -> None:
    directory.chmod(0o755)
    client = clients()
    client.call(1)
    text = client.answer(1)["result"]["content"][0]["text"]
    assert f"chmod 700 {directory}" in text
    assert not (directory / runtime.START_LOG).exists()


def test_a_stream_of_noise_is_survived(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients()
    client.call(1)
    assert client.answer(1)["result"]
    client.send_raw(b'\n  \n[]\n"x"\n')
    client.call(2)
    assert client.answer(2)["result"]


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("--help", 0), ("--surprise", 2)])
def test_arguments_are_answered_in_a_few_lines(argument: str, code: int) -> None:
    done = subprocess.run([*SHIM, argument], capture_output=True, text=True, check=False)
    assert done.returncode == code
    told = done.stdout if code == 0 else done.stderr
    assert "kaimon-mcp" in told
    assert len(told.splitlines()) <= 3


def test_the_shim_loads_nothing_but_what_it_needs() -> None:
    code = "import sys, kaimond.shim.pump; print(*sys.modules)"
    command = [SHIM[0], "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    slow = {"argparse", "asyncio", "dataclasses", "logging", "pathlib", "socket", "subprocess"}
    slow |= {"typing", "tempfile", "threading", "kaimond.start_daemon", "kaimond.shim.offline"}
    assert not slow & set(done.stdout.split())

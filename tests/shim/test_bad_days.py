"""A real ``kaimon-mcp`` process in which something has been made to go wrong beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shim.conftest import Client, Daemon

    Clients = Callable[..., Client]

IMPATIENT = "from kaimond.shim import pump; pump.PATIENCE = 0.5"
MISTAKEN = """
from kaimond.shim.requests import OpenRequests
right = OpenRequests.from_daemon
def wrong(self, line):
    if b"poison" in line:
        raise ValueError("oh no")
    right(self, line)
OpenRequests.from_daemon = wrong
"""


def test_patience_ends_before_the_clients_and_the_daemon_may_still_come(
    daemon: Daemon, clients: Clients
) -> None:
    client = clients(first=IMPATIENT)
    answer = client.initialise()
    assert "Nothing has come from kaimond" in answer["result"]["instructions"]
    client.call(1)
    assert "it is being started" in client.answer(1)["result"]["content"][0]["text"]
    daemon.start()
    assert client.receive()["method"] == "notifications/tools/list_changed"
    client.call(2)
    assert client.answer(2)["result"]["text"]
    assert [message["method"] for message in daemon.heard(jsonrpc="2.0")] == [
        "initialize",
        "notifications/initialized",
        "tools/call",
    ]


def test_patience_ends_with_a_daemon_that_does_not_answer_the_hello(
    daemon: Daemon, clients: Clients
) -> None:
    daemon.start("-silent-")
    client = clients(first=IMPATIENT)
    client.call(1)
    text = client.answer(1)["result"]["content"][0]["text"]
    assert "it does not answer" in text
    assert "Nothing was run" in text


def test_a_mistake_of_our_own_is_told_and_survived(daemon: Daemon, clients: Clients) -> None:
    daemon.start()
    client = clients(first=MISTAKEN)
    client.initialise()
    client.call("poison")
    answer = client.answer("poison")["result"]
    assert answer["isError"] is True
    assert "a mistake of its own (ValueError: oh no)" in answer["content"][0]["text"]
    client.call(2)
    assert client.answer(2)["result"]["text"]
    assert any("ValueError: oh no" in line for line in client.errors)

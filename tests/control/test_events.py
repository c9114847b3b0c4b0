"""What happens in the daemon, told to a client that has asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond import wire
from kaimond.control.commands import events as command
from kaimond.events import ALL, EvalBegan, EvalEnded, SessionToolsChanged
from tests.support.wait import until

if TYPE_CHECKING:
    import pytest

    from tests.control.conftest import Running


async def test_a_client_hears_of_every_event_in_order_until_it_hangs_up(running: Running) -> None:
    client, bus = await running.connect(), running.core.bus
    answer = await client.ask("events")
    assert answer["result"]["events"] == [kind.name for kind in ALL]
    bus.publish(EvalBegan("0a1b2c3d", "feedf00d"))
    bus.publish(EvalEnded("0a1b2c3d", "feedf00d", "a1", "done", 0.5, 7))
    assert await client.hear() == {
        "jsonrpc": "2.0",
        "method": "events.happened",
        "params": {"event": "eval-began", "session": "0a1b2c3d", "eval": "feedf00d"},
    }
    ended = (await client.hear())["params"]
    assert (ended["event"], ended["status"], ended["output"]) == ("eval-ended", "done", 7)
    await client.close()
    await until(lambda: not any(bus._handlers[kind] for kind in ALL if kind in ADDED))


ADDED = (EvalBegan, EvalEnded)
"""Events that nobody but such a client listens to here."""


async def test_agents_that_come_and_go_are_told(running: Running) -> None:
    client = await running.connect()
    await client.ask("events")
    agent = await running.connect(wire.hello("mcp", agent="a" * 16))
    assert (await agent.hear())["ok"] is True
    assert (await client.hear())["params"]["event"] == "agent-came"
    await agent.close()
    assert (await client.hear())["params"] == {"event": "agent-went", "agent": "a" * 16}


async def test_a_client_that_reads_too_slowly_is_told_how_much_it_missed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST", 2)
    client, bus = await running.connect(), running.core.bus
    await client.ask("events")
    for number in range(5):
        bus.publish(SessionToolsChanged(str(number)))
    heard = [await client.hear() for _ in range(3)]
    assert [each["params"].get("session") for each in heard[:2]] == ["0", "1"]
    assert (heard[2]["method"], heard[2]["params"]) == ("events.missed", {"missed": 3})


async def test_a_handler_that_fails_harms_nobody_else(running: Running) -> None:
    def fails(_event: SessionToolsChanged) -> None:
        raise ValueError("a bug")

    client, bus = await running.connect(), running.core.bus
    end = bus.subscribe(SessionToolsChanged, fails)
    await client.ask("events")
    bus.publish(SessionToolsChanged("0a1b2c3d"))
    assert (await client.hear())["params"]["session"] == "0a1b2c3d"
    end()

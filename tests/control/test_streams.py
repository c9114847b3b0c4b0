"""Commands that go on talking after their answer."""

from __future__ import annotations

import asyncio
import base64
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond import wire
from kaimond.control.command import Params, StreamCommand
from kaimond.control.commands import STREAM_COMMANDS, attach
from kaimond.errors import SessionError
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.control.caller import Caller
    from kaimond.core import Core
    from tests.control.conftest import Running


class Stream:
    """A command that a test directs."""

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.heard: list[Mapping[str, Any]] = []
        self.gone = asyncio.Event()

    async def run(self, _core: Core, _params: Params, caller: Caller) -> dict[str, Any]:
        self.caller = caller
        caller.listen("test.said", self.heard.append)
        caller.listen("test.fails", self.fail)
        caller.when_gone(self.gone.set)
        return {"begun": True}

    def fail(self, _params: Mapping[str, Any]) -> None:
        raise ZeroDivisionError


@pytest.fixture
async def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    made = Stream()
    monkeypatch.setitem(STREAM_COMMANDS, "test", StreamCommand("test", Params, made.run))
    return made


def said(method: str, **params: Any) -> bytes:
    return wire.encode({"jsonrpc": "2.0", "method": method, "params": params})


async def test_both_sides_notify_each_other_after_the_answer(
    running: Running, stream: Stream
) -> None:
    client = await running.connect()
    assert (await client.ask("test"))["result"] == {"begun": True}
    for number in range(100):
        await client.say(said("test.said", number=number))
    await until(lambda: len(stream.heard) == 100)
    assert [params["number"] for params in stream.heard] == list(range(100))
    assert stream.caller
    await stream.caller.notify("test.told", {"x": 1})
    assert await client.hear() == {"jsonrpc": "2.0", "method": "test.told", "params": {"x": 1}}
    # Requests are answered as ever.
    assert "result" in await client.ask("version")


async def test_a_connection_that_ends_is_told_to_the_command(
    running: Running, stream: Stream
) -> None:
    client = await running.connect()
    await client.ask("test")
    await client.close()
    await until(stream.gone.is_set)


async def test_a_notification_that_fails_ends_nothing(running: Running, stream: Stream) -> None:
    client = await running.connect()
    await client.ask("test")
    await client.say(said("test.fails"))
    await client.say(b'{"method": "test.said", "params": 7}\n')
    await until(lambda: stream.heard == [{}])
    assert "result" in await client.ask("version")


async def test_what_nobody_listens_for_is_answered_with_an_error(
    running: Running, stream: Stream
) -> None:
    client = await running.connect()
    await client.ask("test")
    await client.say(said("test.unknown"))
    assert (await client.hear())["error"]["data"]["kind"] == "unknown-method"
    await client.say(b"}\n")
    assert "error" in await client.hear()


# attach


class Terminal:
    """Takes what the command passes on."""

    id = "feedf00d"

    def __init__(self) -> None:
        self.pty = self
        self.sizes: list[tuple[int, int]] = []

    def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))


class Typed:
    """The terminals of a supervisor that a test looks at."""

    def __init__(self) -> None:
        self.typed: list[bytes] = []

    def type(self, _terminal: object, data: bytes) -> None:
        self.typed.append(data)


def test_input_reaches_the_terminal_that_it_names_and_nonsense_reaches_none() -> None:
    terminals, terminal = Typed(), Terminal()
    good = base64.b64encode(b"\x03\xff").decode()
    for message in (
        {"terminal": "feedf00d", "data": good},
        {"terminal": "0badcafe", "data": good},
        {"terminal": "feedf00d", "data": "%%"},
        {"terminal": "feedf00d", "data": 7},
        {},
    ):
        attach._type(cast("Any", terminals), cast("Any", terminal), message)
    assert terminals.typed == [b"\x03\xff"]


def test_only_a_size_that_can_be_is_passed_on() -> None:
    terminal = Terminal()
    for size in ({"rows": 30, "columns": 100}, {"rows": 0, "columns": 1}, {"rows": "x"}, {}):
        attach._resize(cast("Any", terminal), {"terminal": "feedf00d", **size})
    attach._resize(cast("Any", terminal), {"terminal": "0badcafe", "rows": 1, "columns": 1})
    assert terminal.sizes == [(30, 100)]


@pytest.mark.parametrize(
    "params", [{"rows": 0}, {"columns": 10**6}, {"term": "a\nb"}, {"term": ""}, {"rows": "24"}]
)
async def test_an_impossible_terminal_is_refused_by_name(
    running: Running, params: dict[str, Any]
) -> None:
    client = await running.connect()
    answer = await client.ask("attach", session="0a1b2c3d", **params)
    assert answer["error"]["data"]["kind"] == "params"
    assert next(iter(params)) in answer["error"]["message"]


async def test_a_joined_repl_has_its_own_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    record = SimpleNamespace(key="0a1b2c3d", title="Proj", pid=7, joined=True)
    session = SimpleNamespace(key=record.key, record=record)
    monkeypatch.setattr(attach, "choose", lambda _supervisor, _key: session)
    with pytest.raises(SessionError, match="terminal of its own"):
        await attach._usable(cast("Any", None), "0a1b2c3d")

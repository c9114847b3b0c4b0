"""The MCP server of one connection, with the SDK's own client and with raw lines."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from kaimond import __version__, wire
from kaimond.errors import ErrorKind, SessionError
from kaimond.mcp import window
from kaimond.mcp.answer import FACTS, Answer
from kaimond.mcp.server import INSTRUCTIONS
from kaimond.mcp.tools import TOOLS
from tests.mcp.conftest import sdk_client
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.control.conftest import Client, Running
    from tests.mcp.conftest import Scripted

ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


def text(result: Any) -> str:
    assert isinstance(result, types.CallToolResult)
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


@ERAS
async def test_a_client_of_either_era_sees_the_tools(running: Running, mode: str) -> None:
    async with sdk_client(running, mode) as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == list(TOOLS)
        assert client.instructions == INSTRUCTIONS
        assert client.server_info
        assert client.server_info.version == __version__


@ERAS
async def test_a_client_of_either_era_calls_tools_and_is_told_how_it_goes(
    running: Running, scripted: Scripted, mode: str
) -> None:
    said: list[str | None] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        said.append(message)

    scripted.go.set()
    scripted.answer = Answer("done", facts={"n": 1})
    async with sdk_client(running, mode) as client:
        result = await client.call_tool("scripted", {"word": "a"}, progress_callback=progress)
        assert text(result) == "done"
        assert isinstance(result, types.CallToolResult)
        assert result.structured_content is None, "clients would show the model nothing else"
        assert (result.meta or {})[FACTS] == {"n": 1}
        await until(lambda: said == ["under way"])
        (agent,) = running.core.agents.values()
        assert agent.id == "a" * 16
        assert agent.client
    await until(lambda: not running.core.agents)


async def test_a_progress_message_is_a_short_line(running: Running, scripted: Scripted) -> None:
    said: list[str | None] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        said.append(message)

    scripted.sentence = "starting Julia: " + "word " * 100
    scripted.go.set()
    async with sdk_client(running, "legacy") as client:
        await client.call_tool("scripted", {"word": "a"}, progress_callback=progress)
        await until(lambda: bool(said))
    line = said[0] or ""
    assert 190 <= len(line) <= 200
    assert line.endswith(" word…")


@ERAS
async def test_an_exception_inside_a_tool_leaks_nothing(
    running: Running, scripted: Scripted, mode: str
) -> None:
    scripted.go.set()
    scripted.failure = RuntimeError("secret detail")
    async with sdk_client(running, mode) as client:
        result = await client.call_tool("scripted", {})
        assert isinstance(result, types.CallToolResult)
        assert result.is_error
        assert "secret" not in result.model_dump_json()
        assert "bug of ours" in text(result)
        assert str(running.where.server_log) in text(result)
        scripted.failure = None
        assert text(await client.call_tool("scripted", {})) == "done"


@ERAS
async def test_a_refusal_is_told_to_the_model_in_words(
    running: Running, scripted: Scripted, mode: str
) -> None:
    scripted.go.set()
    scripted.failure = SessionError(ErrorKind.NO_SESSION, "There is no session.\n\x1b[31mlast line")
    async with sdk_client(running, mode) as client:
        result = await client.call_tool("scripted", {})
        assert isinstance(result, types.CallToolResult)
        assert result.is_error
        assert text(result) == "There is no session.\nlast line"
        refused = await client.call_tool("scripted", {"wings": 2})
        assert "unknown parameter `wings`" in text(refused)


@ERAS
async def test_a_tool_that_does_not_exist_is_refused_with_the_list_of_those_that_do(
    running: Running, mode: str
) -> None:
    async with sdk_client(running, mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("fly", {})
        assert "There is no tool 'fly'. The tools are: start_session, ex" in str(caught.value)
        assert (await client.list_tools()).tools


@ERAS
async def test_bytes_that_no_utf8_can_say_do_not_break_the_connection(
    running: Running, scripted: Scripted, mode: str
) -> None:
    scripted.go.set()
    scripted.answer = Answer("path \udcff", facts={"project": ["\udcff"]})
    async with sdk_client(running, mode) as client:
        assert text(await client.call_tool("scripted", {})) == "path \\udcff"
        assert text(await client.call_tool("scripted", {})) == "path \\udcff"


# Raw lines


async def connect(running: Running) -> Client:
    client = await running.connect(wire.hello("mcp"))
    assert (await client.hear())["ok"]
    initialize = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    await client.say(request("init", "initialize", **initialize))
    assert (await client.hear())["result"]["serverInfo"]["name"] == "kaimon"
    await client.say(notification("notifications/initialized"))
    return client


def request(number: Any, method: str, **params: Any) -> bytes:
    return wire.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def notification(method: str, **params: Any) -> bytes:
    return wire.encode({"jsonrpc": "2.0", "method": method, "params": params})


def call(number: Any) -> bytes:
    return request(number, "tools/call", name="scripted", arguments={"word": str(number)})


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (b"nonsense\n", None, types.PARSE_ERROR),
        (b"\xff\xfe\n", None, types.PARSE_ERROR),
        (b"\n", None, types.PARSE_ERROR),
        (b"[" * 100_000 + b"\n", None, types.PARSE_ERROR),
        (b"[]\n", None, types.INVALID_REQUEST),
        (b'{"id": 7}\n', 7, types.INVALID_REQUEST),
        (b'{"id": [1], "method": 5}\n', None, types.INVALID_REQUEST),
    ],
    ids=range(7),
)
async def test_a_line_that_is_no_message_gets_an_answer_and_the_next_one_works(
    running: Running, line: bytes, number: object, code: int
) -> None:
    client = await connect(running)
    await client.say(line)
    answer = await client.hear()
    assert (answer["id"], answer["error"]["code"]) == (number, code)
    await client.say(request(8, "ping"))
    assert (await client.hear())["id"] == 8


async def test_a_cancelled_call_ends_without_an_answer(
    running: Running, scripted: Scripted
) -> None:
    client = await connect(running)
    await client.say(call(1))
    await until(lambda: scripted.begun)
    await client.say(notification("notifications/cancelled", requestId=1))
    await until(lambda: scripted.ended)
    await client.say(request(2, "ping"))
    assert (await client.hear())["id"] == 2


async def test_requests_beyond_the_window_wait_for_an_answer(
    running: Running, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 3)
    client = await connect(running)
    for number in range(5):
        await client.say(call(number))
    await until(lambda: len(scripted.begun) == 3)
    await running.works()
    assert scripted.begun == ["0", "1", "2"]
    scripted.go.set()
    answers = [(await client.hear())["id"] for _ in range(5)]
    assert sorted(answers) == [0, 1, 2, 3, 4]


async def test_a_cancelled_request_frees_a_place(
    running: Running, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 3)
    client = await connect(running)
    for number in range(3):
        await client.say(call(number))
    await until(lambda: len(scripted.begun) == 3)
    await client.say(notification("notifications/cancelled", requestId=1))
    await client.say(call(3))
    await until(lambda: "3" in scripted.begun)
    for _ in range(3):
        await client.say(notification("notifications/cancelled", requestId=99))
    await client.say(call(4))
    await running.works()
    assert "4" not in scripted.begun, "cancelling what is not open frees nothing"
    scripted.go.set()
    assert sorted([(await client.hear())["id"] for _ in range(4)]) == [0, 2, 3, 4]


async def test_a_client_whose_window_is_full_can_cancel(
    running: Running, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 3)
    client = await connect(running)
    for number in range(6):
        await client.say(call(number))
    await until(lambda: len(scripted.begun) == 3)
    await client.say(notification("notifications/cancelled", requestId=4))
    await client.say(notification("notifications/cancelled", requestId=1))
    await until(lambda: scripted.ended == ["1"])
    assert scripted.cancelled == [True]
    await until(lambda: scripted.begun == ["0", "1", "2", "3"])
    scripted.go.set()
    assert sorted([(await client.hear())["id"] for _ in range(4)]) == [0, 2, 3, 5]
    assert "4" not in scripted.begun, "what is cancelled before it begins never does"


async def test_a_client_that_asks_for_more_than_can_be_kept_is_refused_and_can_still_cancel(
    running: Running, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 1)
    client = await connect(running)
    large = "x" * (window.MOST_HELD // 2)
    await client.say(call(1))
    await until(lambda: scripted.begun)
    for number in (2, 3):
        await client.say(request(number, "tools/call", name="scripted", arguments={"word": large}))
    refused = await client.hear()
    assert (refused["id"], refused["error"]["code"]) == (3, window.TOO_MANY)
    assert "was not begun" in refused["error"]["message"]
    await client.say(notification("notifications/cancelled", requestId=2))
    await client.say(notification("notifications/cancelled", requestId=1))
    await until(lambda: scripted.ended)
    await client.say(call(4))
    await until(lambda: "4" in scripted.begun)
    assert large not in scripted.begun
    scripted.go.set()
    assert (await client.hear())["id"] == 4


async def test_an_id_that_is_used_again_after_a_cancellation_is_not_cancelled(
    running: Running, scripted: Scripted
) -> None:
    client = await connect(running)
    await client.say(notification("notifications/cancelled", requestId=1))
    await client.say(call(1))
    await until(lambda: len(scripted.begun) == 1)
    await client.say(notification("notifications/cancelled", requestId=1))
    await client.say(call(1))
    await until(lambda: len(scripted.begun) == 2)
    client.writer.transport.abort()
    await until(lambda: len(scripted.ended) == 2)
    assert scripted.cancelled == [True, False]


async def test_one_id_used_for_many_requests_opens_no_wider_window(
    running: Running, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 3)
    client = await connect(running)
    for _ in range(10):
        await client.say(call(1))
    await until(lambda: scripted.begun)
    for _ in range(3):
        await running.works()
    assert len(scripted.begun) <= 3


async def test_a_client_that_goes_away_with_its_window_full_leaves_nothing(
    running: Running,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(window, "MOST_OPEN", 3)
    client = await connect(running)
    for number in range(5):
        await client.say(call(number))
    await until(lambda: len(scripted.begun) == 3)
    client.writer.transport.abort()
    scripted.go.set()
    await until(lambda: not running.core.agents)
    await until(lambda: not running.server._clients)
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_a_client_that_goes_away_ends_its_calls_and_no_other(
    running: Running, scripted: Scripted
) -> None:
    gone, stays = await connect(running), await connect(running)
    await gone.say(call("gone"))
    await stays.say(call("stays"))
    await until(lambda: len(scripted.begun) == 2)
    await gone.close()
    await until(lambda: scripted.ended == ["gone"])
    scripted.go.set()
    assert (await stays.hear())["id"] == "stays"


async def test_the_answers_of_many_calls_go_to_their_own_ids(
    running: Running, scripted: Scripted
) -> None:
    client = await connect(running)
    scripted.go.set()
    numbers: list[Any] = [*range(20), *map(str, range(20))]
    for number in numbers:
        await client.say(call(number))
    answers = [(await client.hear())["id"] for _ in numbers]
    assert sorted(map(json.dumps, answers)) == sorted(map(json.dumps, numbers))
    await asyncio.sleep(0)

"""Clients of all kinds: each is served or refused, and none reaches beyond itself."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import wire
from kaimond.control import rpc, server
from kaimond.control.command import Command, Params
from kaimond.control.commands import COMMANDS
from kaimond.errors import ErrorKind, SessionError
from kaimond.runtime import UnsafeDirectoryError
from tests.control.conftest import SOON
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.control.conftest import Client, Running

ZEROES = "x" * 2**20


def use(monkeypatch: pytest.MonkeyPatch, name: str, run: Any) -> None:
    monkeypatch.setitem(COMMANDS, name, Command(name, Params, run))


# The first line


async def test_a_client_that_says_hello_is_welcome_and_told_the_version(running: Running) -> None:
    client = await running.connect(wire.hello("ctl"))
    welcome = await client.hear()
    assert (welcome["kaimon"], welcome["ok"]) == (wire.PROTOCOL, True)


async def test_a_client_that_never_says_hello_is_hung_up_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HELLO_TIMEOUT", 0.05)
    silent = await running.connect(b"")
    slow = await running.connect(b'{"kaimon": 1, ')
    assert await silent.hung_up()
    assert await slow.hung_up()
    await running.works()


async def test_a_client_that_goes_away_before_its_hello_harms_none(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for first in (b"", b'{"kaimon"', wire.hello("ctl"), wire.hello("mcp")):
        client = await running.connect(first)
        await client.close()
    await running.works()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\x1b[2J\n", b"\n", b"{}\n", b"[" * 50_000 + b"\n"],
    ids=range(5),
)
async def test_garbage_instead_of_a_hello_gets_a_reason_and_an_end(
    running: Running, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    client = await running.connect(first)
    answer = await client.hear()
    assert answer["ok"] is False
    assert answer["error"]["message"]
    assert await client.hung_up()
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
    await running.works()


async def test_a_client_of_another_protocol_is_told_both_versions(running: Running) -> None:
    hello = json.loads(wire.hello("ctl")) | {"kaimon": 99, "version": "99.0"}
    client = await running.connect(wire.encode(hello))
    answer = await client.hear()
    assert answer["error"]["code"] == "protocol"
    assert "99.0" in answer["error"]["message"]
    assert await client.hung_up()


STRANGER = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(10)
sock.connect(sys.argv[1])
try:
    sock.sendall(sys.argv[2].encode() + b"\\n")
    heard = sock.recv(100)
except OSError:
    heard = b""
sys.exit(0 if not heard else 1)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
async def test_a_process_of_another_user_is_refused_without_a_word(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    # The directory and the socket keep strangers out already; here the second wall is tried alone.
    socket_path = running.where.control_socket
    for path in (socket_path, socket_path.parent, socket_path.parent.parent):
        path.chmod(0o777)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STRANGER, str(socket_path), wire.hello("ctl").decode().strip()
    )
    assert await asyncio.wait_for(child.wait(), SOON) == 0
    assert "refused a connection of user 65534" in caplog.text
    await running.works()


async def test_a_peer_that_the_system_does_not_name_is_refused(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(_: object) -> tuple[int, int]:
        raise OSError(95, "not supported")

    with monkeypatch.context() as patched:
        patched.setattr("kaimond.platform.peer_user", unknown)
        client = await running.connect(wire.hello("ctl"))
        assert await client.hung_up()
    assert "the peer's user is unknown" in caplog.text
    await running.works()


# Requests


async def test_several_requests_are_under_way_at_a_time(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()

    async def wait(_core: object, _params: Params) -> dict[str, Any]:
        await go.wait()
        return {}

    use(monkeypatch, "wait", wait)
    client = await running.connect()
    await client.say(wire.encode({"id": 1, "method": "wait"}))
    await client.say(wire.encode({"id": 2, "method": "version"}))
    assert (await client.hear())["id"] == 2
    go.set()
    assert await client.hear() == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"nonsense\n", rpc.PARSE_ERROR, "not JSON"),
        (b"[]\n", rpc.PARSE_ERROR, "not a JSON object"),
        (b"{}\n", rpc.INVALID_REQUEST, "no JSON-RPC"),
        (b'{"method": "version", "params": []}\n', rpc.INVALID_REQUEST, "no JSON-RPC"),
        (b'{"method": ["version"]}\n', rpc.INVALID_REQUEST, "no JSON-RPC"),
        (b'{"method": "fly"}\n', rpc.METHOD_NOT_FOUND, "knows no 'fly'. It knows: status"),
        (b'{"method": "shutdown"}\n', rpc.INVALID_PARAMS, "shutdown: `session`"),
        (b'{"method": "shutdown", "params": {"session": 7}}\n', rpc.INVALID_PARAMS, "`session`"),
        (b'{"method": "start", "params": {"path": "/", "name": "a b"}}\n', -32602, "`name`"),
    ],
    ids=range(9),
)
async def test_a_bad_request_gets_one_clear_error_and_the_connection_goes_on(
    running: Running, line: bytes, code: int, words: str
) -> None:
    client = await running.connect()
    await client.say(line)
    error = (await client.hear())["error"]
    assert error["code"] == code
    assert words in error["message"]
    assert error["data"]["kind"]
    assert "result" in await client.ask("version")


async def test_a_refusal_and_a_bug_are_told_apart_and_neither_shows_a_traceback(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_core: object, _params: Params) -> dict[str, Any]:
        raise SessionError(ErrorKind.NO_SESSION, "There is no session.")

    async def fail(_core: object, _params: Params) -> dict[str, Any]:
        raise RuntimeError("secret detail")

    use(monkeypatch, "refuse", refuse)
    use(monkeypatch, "fail", fail)
    client = await running.connect()
    refused = (await client.ask("refuse"))["error"]
    assert (refused["code"], refused["data"]["kind"]) == (rpc.REFUSED, "no-session")
    failed = (await client.ask("fail"))["error"]
    assert (failed["code"], failed["data"]["kind"]) == (rpc.INTERNAL_ERROR, "internal")
    assert "secret" not in json.dumps(failed)
    assert str(running.where.server_log) in failed["message"]
    assert "result" in await client.ask("version")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(28, "No space left on device"), "system"),
        (sqlite3.OperationalError("disk I/O error"), "system"),
        (UnsafeDirectoryError("/d is open to others. Close it."), "unsafe-directory"),
    ],
)
async def test_what_the_machine_refuses_is_told_and_is_no_bug_of_ours(
    running: Running, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
) -> None:
    async def fail(_core: object, _params: Params) -> dict[str, Any]:
        raise error

    use(monkeypatch, "fail", fail)
    client = await running.connect()
    failed = (await client.ask("fail"))["error"]
    assert (failed["code"], failed["data"]["kind"]) == (rpc.REFUSED, kind)
    assert str(error) in failed["message"]
    assert "result" in await client.ask("version")


async def test_an_unknown_command_is_cured_without_ending_a_session(running: Running) -> None:
    client = await running.connect()
    message = (await client.ask("fly"))["error"]["message"]
    assert "`kaimonctl reload`" in message
    assert "stop" not in message.partition("If your")[2]


async def test_a_request_id_that_no_utf8_can_say_is_answered(running: Running) -> None:
    client = await running.connect()
    await client.say(b'{"id": "\\ud800", "method": "version"}\n')
    assert (await client.hear())["id"] == "\ud800"
    assert "result" in await client.ask("version")


# Hostile clients


async def test_a_line_that_is_too_long_ends_its_client_in_words_and_no_other(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for hello in (wire.hello("ctl"), wire.hello("mcp"), b""):
        client = await running.connect(hello)
        if hello:
            assert (await client.hear())["ok"]
        try:
            for _ in range(20):
                await client.say(b"x" * 2**20)
        except ConnectionError:
            pass  # hung up on while it spoke
        await until_hung_up(client)
        await running.works()
    assert caplog.text.count(f"a line of more than {wire.MAX_LINE} bytes was refused") == 3
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


async def until_hung_up(client: Client) -> None:
    try:
        while await client.reader.read(2**16):
            pass
    except ConnectionError:
        pass


async def test_what_was_asked_before_a_line_that_is_too_long_is_answered(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def wait(_core: object, _params: Params) -> dict[str, Any]:
        asked.set()
        await go.wait()
        return {}

    use(monkeypatch, "wait", wait)
    monkeypatch.setattr(wire.LineSplitter.__init__, "__defaults__", (1000,))
    client = await running.connect()
    await client.say(wire.encode({"id": 1, "method": "wait"}))
    await asyncio.wait_for(asked.wait(), SOON)
    await client.say(b"x" * 2000)
    go.set()
    assert (await client.hear())["id"] == 1
    assert await client.hung_up()


async def test_a_client_that_does_not_read_slows_only_itself(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0

    async def flood(_core: object, _params: Params) -> dict[str, Any]:
        nonlocal begun
        begun += 1
        return {"flood": ZEROES}

    use(monkeypatch, "flood", flood)
    client = await running.connect()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    question = wire.encode({"id": 1, "method": "flood"})
    asking = asyncio.create_task(client.say(question * 1000))
    # Its answers pile up until the window is full, and not further.
    async with asyncio.timeout(SOON):
        while begun < rpc.MOST_OPEN:
            await running.works()
    for _ in range(5):
        await running.works()
    assert begun <= rpc.MOST_OPEN + 2
    asking.cancel()
    client.writer.transport.abort()


@pytest.mark.parametrize("role", ["ctl", "mcp"])
async def test_a_flood_of_empty_lines_does_not_hold_up_the_others(
    running: Running, role: str
) -> None:
    client = await running.connect(wire.hello(role))
    await client.hear()

    async def read() -> None:
        while await client.reader.read(2**20):
            pass

    async def write() -> None:
        while True:
            await client.say(b"\n" * 2**16)

    flooding = [asyncio.create_task(work()) for work in (read, write)]
    for _ in range(20):
        await running.works()
    assert not any(task.done() for task in flooding)
    for task in flooding:
        task.cancel()
    await asyncio.gather(*flooding, return_exceptions=True)


async def test_a_client_that_is_gone_before_its_answer_harms_none(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def wait(_core: object, _params: Params) -> dict[str, Any]:
        asked.set()
        await go.wait()
        return {"flood": ZEROES}

    use(monkeypatch, "wait", wait)
    client = await running.connect()
    await client.say(wire.encode({"id": 1, "method": "wait"}) * 3)
    await asyncio.wait_for(asked.wait(), SOON)
    client.writer.transport.abort()
    go.set()
    await running.works()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_closing_the_server_hangs_up_on_everybody(running: Running) -> None:
    idle = await running.connect()
    mute = await running.connect(b"")
    await until(lambda: len(running.server._clients) == 2)
    await asyncio.wait_for(running.server.close(), SOON)
    assert await idle.hung_up()
    assert await mute.hung_up()
    assert not running.server._clients

"""Tools of sessions in the list, their names, and what is refused before anything is queued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from kaimond import wire
from kaimond.errors import ErrorKind, SessionError
from kaimond.events import SessionToolsChanged
from kaimond.gate.tools import Member, Offer, ToolSpec, Type
from kaimond.mcp import session_tools
from kaimond.mcp.session_tools import namespace, written
from kaimond.mcp.tool import ArgumentError
from kaimond.mcp.tools import TOOLS
from kaimond.registry.record import Record
from kaimond.registry.state import State
from tests.mcp.conftest import sdk_client

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from tests.control.conftest import NoSessions, Running

GREET = ToolSpec(
    "greet",
    "Says hello.",
    (Member("name", True, Type("string")), Member("times", False, Type("integer"))),
)


REACHED = "Session aaaaaaaa is ready."
"""What a test's session says when it is to evaluate something."""


def record(key: str, project: str = "/home/you/MyPkg", state: State = State.READY) -> Record:
    return Record(key, project, "", state, "agent", 1.0)


class Session:
    """A session that lives; it refuses what is asked of it while it is not ready."""

    def __init__(self, running: Running, record: Record) -> None:
        self.running = running
        self.key = record.key
        self.record = record
        self.project = record.project
        self.tools = Offer()

    def offer(self, space: str, *tools: ToolSpec) -> None:
        """Its gate has told what it offers."""
        self.tools = Offer(space, tools)
        self.running.core.bus.publish(SessionToolsChanged(self.key))

    def evaluate(self, *_args: object, **_options: object) -> Eval:
        raise SessionError(ErrorKind.NOT_READY, f"Session {self.key} is {self.record.state}.")


def told(running: Running, one: Record, *tools: ToolSpec, space: str = "") -> Session:
    """A session lives, and its gate has told what it offers."""
    session = Session(running, one)
    known: NoSessions = running.core.supervisor  # type: ignore[assignment] # see its fixture
    known.known.append(session)
    session.offer(space, *tools)
    return session


@pytest.mark.parametrize(
    ("said", "folder", "expected"),
    [
        ("weather", "MyPkg", "weather"),
        ("", "MyPkg", "mypkg"),
        ("", "My-Pkg.jl", "my_pkg_jl"),
        ("", "Größe", "gr_e"),
        ("", "...", "session"),
        ("Weather Bureau!", "x", "Weather_Bureau"),
        ("", "a" * 30, "a" * 20),
    ],
)
def test_the_namespace_is_what_names_may_be_made_of(said: str, folder: str, expected: str) -> None:
    assert namespace(said, folder) == expected


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_clients_list_has_the_tools_of_sessions_behind_our_own(
    running: Running, mode: str
) -> None:
    hidden = ToolSpec("__secret", "", ())
    told(running, record("aaaaaaaa"), GREET, hidden)
    told(running, record("bbbbbbbb", "/p/list"), ToolSpec("evals", "", ()))
    async with sdk_client(running, mode) as client:
        *own, greet = (await client.list_tools()).tools
    assert [tool.name for tool in own] == list(TOOLS)
    assert greet.name == "mypkg_greet"
    assert greet.description
    assert greet.description.startswith("Says hello.\n\n")
    assert "/home/you/MyPkg" in greet.description
    assert greet.input_schema["required"] == ["name"]
    assert list(greet.input_schema["properties"]) == ["name", "times", "session", "ses"]
    assert greet.input_schema["additionalProperties"] is False


async def test_of_two_sessions_with_one_tool_it_is_listed_once(running: Running) -> None:
    told(running, record("aaaaaaaa"), GREET)
    told(running, record("bbbbbbbb"), GREET)
    assert session_tools.names(running.core) == ["mypkg_greet"]
    assert len(session_tools.listed(running.core, TOOLS)) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "mypkg_greet: missing parameter `name`. Nothing was done. Its parameters are: `name`"),
        ({"name": "x", "nam": 1}, "unknown parameter `nam`"),
        ({"name": 3, "times": "x"}, "`name` must be a text, not 3; `times` must be a whole number"),
        ({"name": "x", "session": 3}, "`session` must be the key of a session"),
        ({"name": "x", "session": "a", "ses": "b"}, "were given different keys"),
    ],
)
async def test_wrong_arguments_are_refused_by_name(
    running: Running, given: dict[str, Any], words: str
) -> None:
    told(running, record("aaaaaaaa"), GREET)
    async with sdk_client(running, "legacy") as client:
        result = await client.call_tool("mypkg_greet", given)
    assert isinstance(result, types.CallToolResult)
    assert result.is_error
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    assert words in block.text


def test_what_is_no_text_is_refused() -> None:
    greet = session_tools.Offered("mypkg_greet", cast("Any", None), GREET)
    with pytest.raises(ArgumentError, match="half of a surrogate pair"):
        session_tools._check(greet, {"name": "\ud800"})


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((State.READY, State.READY), "Several sessions offer mypkg_greet, so name one by its key"),
        ((State.RESTARTING,), "Session aaaaaaaa is restarting."),
    ],
)
async def test_a_call_that_means_no_session_in_particular_is_refused(
    running: Running, states: tuple[State, ...], words: str
) -> None:
    for key, state in zip(("aaaaaaaa", "bbbbbbbb"), states, strict=False):
        told(running, record(key, state=state), GREET)
    async with sdk_client(running, "legacy") as client:
        result = await client.call_tool("mypkg_greet", {"name": "x"})
    assert isinstance(result, types.CallToolResult)
    assert result.is_error
    assert words in result.content[0].text  # type: ignore[union-attr] # a text
    assert ("aaaaaaaa" in result.content[0].text) is True  # type: ignore[union-attr] # a text


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mypkg_gret", "mypkg_greet"),
        ("greet", "mypkg_greet"),
        ("Check_Evals", "check_eval"),
        ("session_tools", "list_session_tools"),
    ],
)
async def test_an_unknown_tool_is_told_with_the_one_that_was_meant_and_all_others(
    running: Running, name: str, meant: str
) -> None:
    told(running, record("aaaaaaaa"), GREET)
    async with sdk_client(running, "legacy") as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool(name, {})
    said = str(caught.value)
    assert f"There is no tool '{name}'. Did you mean {meant}? The tools are: start_session," in said
    assert said.endswith(", mypkg_greet.")


async def answer(running: Running, tool: str, **given: Any) -> tuple[str, bool]:
    """The text that a client gets, and whether the call failed."""
    async with sdk_client(running, "legacy") as client:
        result = await client.call_tool(tool, given)
    assert isinstance(result, types.CallToolResult)
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text, bool(result.is_error)


async def test_a_model_whose_client_ignores_changes_can_list_the_tools_of_sessions(
    running: Running,
) -> None:
    said, failed = await answer(running, "list_session_tools")
    assert "No session offers tools." in said
    assert "Gate.serve(tools=" in said
    place = Type("struct", members=(Member("height", True, Type("number")),))
    days = Type("union", parts=(Type("nothing"), Type("list", parts=(Type("integer"),))))
    weather = ToolSpec("weather", "", (Member("place", True, place), Member("days", False, days)))
    told(running, record("aaaaaaaa"), GREET, ToolSpec("__secret", "", ()))
    told(running, record("bbbbbbbb", "/p/Sky"), weather)
    said, failed = await answer(running, "list_session_tools")
    assert not failed
    assert said.splitlines() == [
        "Session aaaaaaaa (MyPkg, /home/you/MyPkg):",
        "  mypkg_greet(name: string, times?: integer)",
        "    Says hello.",
        "Session bbbbbbbb (Sky, /p/Sky):",
        "  sky_weather(place: {height: number}, days?: null | integer[])",
        'call_tool(name="...", arguments={...}) calls one; `?` marks what may be left out.',
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "mypkg_greet", "arguments": {"name": "x"}}, REACHED),
        ({"name": "greet", "arguments": {"name": "x"}}, REACHED),
        ({"name": "mcp__plugin_kaimon_kaimon__mypkg_greet", "arguments": {"name": "x"}}, REACHED),
        ({"name": " mcp__kaimon__mypkg_greet", "arguments": '{"name": "x"}'}, REACHED),
        ({"tool_name": "mypkg_greet", "args": {"name": "x"}}, REACHED),
        ({"name": "__secret"}, REACHED),
        ({"name": "__secret", "arguments": None}, REACHED),
        ({"name": "mypkg___secret", "arguments": ""}, REACHED),
        ({"name": "greet", "arguments": "x"}, "`arguments`: must be an object of the tool's own"),
        ({"name": "greet", "arguments": [1]}, "`arguments`: must be an object of the tool's own"),
        ({"name": "greet", "arguments": "[" * 100_000}, "`arguments`: must be an object"),
        ({"name": "greet", "arguments": {"nam": 1}}, "mypkg_greet: unknown parameter `nam`; miss"),
        ({"name": "greet"}, "mypkg_greet: missing parameter `name`. Nothing was done."),
        ({"name": "gret"}, "No session offers a tool 'gret'. Did you mean mypkg_greet? Sessions"),
        ({"name": "ex"}, "ex is one of Kaimon's own tools. Call it directly."),
        ({"name": "greet", "session": "a", "arguments": {"session": "b"}}, "was given twice"),
        ({"name": "list"}, "Several sessions offer mypkg_list and other_list, so name one by its"),
    ],
)
async def test_a_tool_of_a_session_is_called_by_name_whatever_the_client_lists(
    running: Running, given: dict[str, Any], words: str
) -> None:
    told(running, record("aaaaaaaa"), GREET, ToolSpec("__secret", "", ()), ToolSpec("list", "", ()))
    told(running, record("bbbbbbbb", "/p/Other"), ToolSpec("list", "", ()))
    said, failed = await answer(running, "call_tool", **given)
    assert failed
    assert words in said


async def test_where_no_session_offers_tools_a_call_says_so(running: Running) -> None:
    said, failed = await answer(running, "call_tool", name="greet")
    assert failed
    assert said.startswith("There is no tool 'greet': no session offers any.")


async def test_a_client_that_has_the_list_is_told_when_it_changes(running: Running) -> None:
    listed = b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n'
    changed = "notifications/tools/list_changed"
    client = await running.connect(wire.hello("mcp", agent="a" * 16))
    assert (await client.hear())["ok"] is True
    parameters = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    await client.say(
        wire.encode({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters})
    )
    assert "result" in await client.hear()
    await client.say(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    await client.say(listed)
    assert (await client.hear())["id"] == 2

    session = told(running, record("aaaaaaaa"), GREET)
    assert (await client.hear())["method"] == changed
    # Several changes in a row are told once.
    session.offer("x", GREET)
    session.offer("y", GREET)
    assert (await client.hear())["method"] == changed
    await client.say(listed)
    answer = await client.hear()
    assert answer["result"]["tools"][-1]["name"] == "y_greet"

    session.offer("")
    assert (await client.hear())["method"] == changed


async def test_a_client_of_the_newest_protocol_is_told_if_it_has_subscribed(
    running: Running,
) -> None:
    heard: list[Any] = []
    async with (
        sdk_client(running, "auto") as client,
        client.listen(tools_list_changed=True) as events,
    ):
        told(running, record("aaaaaaaa"), GREET)
        async for event in events:
            heard.append(event)
            break
    assert len(heard) == 1


def test_a_call_is_shown_as_it_would_be_written() -> None:
    given = {"a": "x$y\n", "b": [1, None, True], "c": {"k": 1.5}, "d": {"k": 1, "l": {}}}
    assert written("f", given) == (
        'f(a = "x\\$y\\n", b = [1, nothing, true], c = (k = 1.5,), d = (k = 1, l = ()))'
    )
    assert written("f", {}) == "f()"
    assert written("f", {"a": "x" * 5000}).endswith("x...")

"""Functions of a session's own code as tools of a real MCP client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import Agent, agent
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(400)]

OFFER = '''
using Kaimon
@enum Scale celsius kelvin
struct Place
    name::String
    height::Float64
end
"""
The weather at a place.
"""
function forecast(place::Place, scale::Scale=celsius; days::Union{Nothing,Int}=nothing)
    println("looking at ", place.name)
    return "$(place.name) at $(place.height) m in $scale for $(something(days, 1))"
end
slow() = (Kaimon.progress("half"); while true; sleep(0.01); end)
Gate.serve(tools=[GateTool("forecast", forecast), GateTool("slow", slow),
                  GateTool("__hidden", () -> 6 * 7)])
'''

PLACE = {"name": "Oslo", "height": 94}


async def names(one: Agent) -> list[str]:
    return [tool.name for tool in (await one.client.list_tools()).tools]


async def test_a_function_of_the_session_is_listed_described_and_called(daemon_home: Home) -> None:
    project = daemon_home.project("MyPkg")
    changes: list[Any] = []

    async def on_message(message: Any) -> None:
        changes.append(message)

    async with agent(daemon_home, on_message=on_message) as one, agent(daemon_home) as two:
        assert "mypkg_forecast" not in await names(one)
        key = await one.start(project)
        await one.ok("ex", e=OFFER)
        # Whoever has the answer of that call finds the tools in the list.
        listed = {tool.name: tool for tool in (await one.client.list_tools()).tools}
        assert "mypkg___hidden" not in listed
        forecast = listed["mypkg_forecast"]
        assert forecast.description
        assert forecast.description.startswith("The weather at a place.")
        properties = forecast.input_schema["properties"]
        assert forecast.input_schema["required"] == ["place"]
        assert properties["place"]["properties"] == {
            "name": {"type": "string"},
            "height": {"type": "number"},
        }
        assert properties["scale"] == {"type": "string", "enum": ["celsius", "kelvin"]}
        assert properties["days"] == {"anyOf": [{"type": "null"}, {"type": "integer"}]}
        await until(lambda: any("list_changed" in str(change) for change in changes))

        said = await one.ok("mypkg_forecast", place=PLACE, scale="kelvin", days=3)
        assert said == "looking at Oslo\nOslo at 94.0 m in kelvin for 3"
        said = await two.ok("mypkg_forecast", place=PLACE)
        assert said.endswith("Oslo at 94.0 m in celsius for 1")
        assert await two.ok("mypkg___hidden") == "42"
        assert 'forecast(place = (name = "Oslo", height = 94)' in await one.ok("list_evals")

        await _reach_tools_without_a_list(two, key)

        said = await one.refused("mypkg_forecast", scale="warm", place={"name": 3})
        assert "`place`: missing field `height`" in said
        assert '`scale` must be one of "celsius", "kelvin", not "warm"' in said
        assert "Nothing was done" in said
        said = await one.refused("mypkg_forecast", place=PLACE, day=1)
        assert "unknown parameter `day`" in said
        # Only Julia knows this one.
        await one.ok(
            "ex",
            e='small(x::Int) = x; f(x::UInt64) = x;Gate.serve(tools=[GateTool("unsigned", f)])',
        )
        said = await one.refused("mypkg_unsigned", x=-1)
        assert "`x` must be a whole number that fits into UInt64, not -1" in said
        assert "Stacktrace" not in said

        # A call is an eval like any other.
        calling = asyncio.create_task(one.call("mypkg_slow"))
        await until(lambda: _evaluates(two, "slow()"))
        said = await two.ok("manage_repl", command="interrupt")
        assert "was interrupted" in said
        assert (await calling).is_error

        changes.clear()
        await one.ok("manage_repl", command="restart")
        await until(lambda: _lacks(one, "mypkg_forecast"))
        await until(lambda: any("list_changed" in str(change) for change in changes))
        assert "There is no tool" in await _failure(one, "mypkg_forecast")
        assert "offers no tools" in await one.ok("list_session_tools", session=key)
        assert (await one.sessions())[0]["key"] == key


async def _reach_tools_without_a_list(one: Agent, key: str) -> None:
    said = await one.ok("list_session_tools", session=key)
    place = "place: {name: string, height: number}"
    optional = 'scale?: "celsius" | "kelvin", days?: null | integer'
    assert f"\n  mypkg_forecast({place}, {optional})\n    The weather at a place.\n" in said
    assert "hidden" not in said
    said = await one.ok("call_tool", name="forecast", arguments={"place": PLACE}, session=key)
    assert said.endswith("Oslo at 94.0 m in celsius for 1")
    assert await one.ok("call_tool", name="mypkg___hidden") == "42"


async def _evaluates(one: Agent, code: str) -> bool:
    listed = await one.ok("list_evals")
    return any(code in line and "running" in line for line in listed.splitlines())


async def _lacks(one: Agent, name: str) -> bool:
    return name not in await names(one)


async def _failure(one: Agent, name: str) -> str:
    try:
        await one.call(name)
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
        return str(error)
    return ""

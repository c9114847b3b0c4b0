"""Serves MCP to one agent: one SDK server per connection, for either era of the protocol."""

from __future__ import annotations

import dataclasses
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from mcp.server.lowlevel import NotificationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError

from kaimond import __version__
from kaimond.core import Agent
from kaimond.events import AgentCame, AgentWent, SessionToolsChanged
from kaimond.logs.context import about
from kaimond.mcp import session_tools
from kaimond.mcp.answer import Answer
from kaimond.mcp.call import Call, Standing
from kaimond.mcp.listeners import Listeners
from kaimond.mcp.person import AnswerNeededError, Person
from kaimond.mcp.report import reported
from kaimond.mcp.sdk_server import SdkServer, ToolsOnlyListen, serve_reading
from kaimond.mcp.streams import message_streams
from kaimond.mcp.text import MOST_PROGRESS, readable, short_line
from kaimond.mcp.tools import ALIASES, TOOLS
from kaimond.mcp.unknown_names import unknown_session_tool, unknown_tool
from kaimond.mcp.waiting import interrupt

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from kaimond.connections.connection import Connection
    from kaimond.connections.hello import Hello
    from kaimond.core import Core

_log = logging.getLogger("kaimond.mcp")

INSTRUCTIONS: Final = """\
Kaimon gives you live Julia sessions: real Julia processes that keep variables and loaded packages \
between your calls. Use it instead of running `julia` in a shell, which compiles everything anew.

1. ex(e="...", q=false) evaluates code and shows the value; without q=false, one line of it. It \
uses the session of the project you work in, and starts it if there is none. All agents of a \
project share its session.
2. start_session(project_path="...") is for another project, or with name="..." for a session of \
your own. It returns a key; pass that as session="<key>" wherever several sessions could be meant.
3. Edit source files and evaluate again: changes are taken up before each eval, and what cannot be \
is named below the answer. Restart then: manage_repl(command="restart") gives a fresh Julia under \
the same key, without its variables.
4. What takes longer than 30 s goes on in the background: check_eval shows it, cancel_eval \
interrupts it, list_evals lists all.
5. Something odd? ping checks all sessions, investigate_environment shows packages and source, \
session_log and server_log what happened.
6. Code of a session can offer tools of its own: list_session_tools shows them, call_tool calls one.

Everything Kaimon says about a session was checked when it was said."""


class Agents:
    """The agents' side of the daemon: makes a server for each agent that connects."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._bus = InMemorySubscriptionBus()
        self._listeners = Listeners(self._bus, core.supervisor.tasks.watch)
        core.bus.subscribe(SessionToolsChanged, lambda _: self._listeners.changed())

    async def serve(self, connection: Connection, hello: Hello) -> None:
        """Speak MCP with one client until it goes away."""
        agent = Agent(
            id=hello.agent or secrets.token_hex(8),
            pid=connection.pid or hello.pid,
            cwd=hello.cwd,
            project_dir=hello.environment.get("CLAUDE_PROJECT_DIR", ""),
            since=time.time(),
            shim=hello.version,
            replay={json.dumps(request) for request in hello.replay},
        )
        self._core.agents[id(connection)] = agent
        self._core.bus.publish(AgentCame(agent.id, agent.cwd))
        with about(agent=agent.short):
            again = f", {len(agent.replay)} requests to settle" if agent.replay else ""
            _log.info("agent connected (pid %d)%s", agent.pid, again)
            for request in hello.cancelled:
                self._cancelled_in_between(agent, json.dumps(request))
            try:
                await self._run(connection, agent)
            finally:
                del self._core.agents[id(connection)]
                self._listeners.gone(id(agent))
                self._core.bus.publish(AgentWent(agent.id))
                _log.info("agent disconnected")

    def _cancelled_in_between(self, agent: Agent, request: str) -> None:
        """Interrupt the eval of a request that was cancelled while there was no daemon."""
        started = self._core.store.load_call(agent.id, request)
        supervisor = self._core.supervisor
        item = supervisor.history.get(str(started.get("eval", ""))) if started else None
        if item and item.outcome is None:
            supervisor.tasks.watch(interrupt(self._core, agent, item))

    async def _run(self, connection: Connection, agent: Agent) -> None:
        server = self._server(agent)
        options = server.create_initialization_options(NotificationOptions(tools_changed=True))
        async with message_streams(connection) as (read, write):
            await server.run(read, write, options)

    def _server(self, agent: Agent) -> SdkServer:
        def call_of(context: ServerRequestContext[dict[str, Any], Standing]) -> Call:
            _introduce(agent, context)

            async def say(sentence: str) -> None:
                line = short_line(readable(sentence), MOST_PROGRESS)
                await context.session.report_progress(time.monotonic(), None, line)

            request = json.dumps(context.request_id)
            return Call(self._core, agent, request, say, context.request or Standing())

        async def list_tools(
            context: ServerRequestContext[dict[str, Any], Standing],
            _params: types.PaginatedRequestParams | None,
        ) -> types.ListToolsResult:
            self._listeners.listed(id(agent), context.session)
            own = [tool.to_mcp() for tool in TOOLS.values()]
            return types.ListToolsResult(tools=own + session_tools.listed(self._core, TOOLS))

        async def call_tool(
            context: ServerRequestContext[dict[str, Any], Standing],
            params: types.CallToolRequestParams,
        ) -> types.CallToolResult | types.InputRequiredResult:
            person = Person(context, params.input_responses)
            call = dataclasses.replace(call_of(context), person=person)
            try:
                answer = await _answer(call, params.name, params.arguments or {})
            except AnswerNeededError as needed:
                return needed.to_mcp()
            return answer.to_mcp(agent.client)

        server = SdkServer(
            "kaimon",
            version=__version__,
            title="Kaimon",
            instructions=INSTRUCTIONS,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_subscriptions_listen=ToolsOnlyListen(self._bus),
        )
        serve_reading(server, self._core, call_of)
        return server


def _introduce(agent: Agent, context: ServerRequestContext[dict[str, Any], Standing]) -> None:
    """Record the client's name and version, once."""
    said = context.session.client_params
    if said and not agent.client:
        agent.client, agent.version = said.client_info.name, said.client_info.version
        _log.info("agent is %s %s", agent.client, agent.version)


async def _answer(call: Call, name: str, given: dict[str, Any]) -> Answer:
    tool = TOOLS.get(ALIASES.get(name, name))
    try:
        if tool:
            answer = await tool.call(call, given)
        else:
            answer = await session_tools.call_session_tool(call, name, given)
    except session_tools.UnknownToolError as error:
        offered = session_tools.names(call.core)
        if tool is None:
            message = unknown_tool(name, TOOLS, offered)
            raise MCPError(types.INVALID_PARAMS, message) from None
        answer = Answer(unknown_session_tool(str(error), TOOLS, offered), is_error=True)
    except AnswerNeededError:
        raise
    except Exception as error:  # noqa: BLE001 - the SDK would show an old client the bare exception
        failure = reported(call.core, name, error)
        answer = Answer(failure.message, is_error=True)
    return answer

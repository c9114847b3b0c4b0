"""Serves MCP to one agent: one SDK server per connection, for either era of the protocol."""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError

from kaimond import __version__
from kaimond.core import Agent
from kaimond.events import AgentCame, AgentWent, SessionToolsChanged
from kaimond.failure import told
from kaimond.logs.context import about
from kaimond.mcp import session_tools
from kaimond.mcp.answer import Answer
from kaimond.mcp.call import Call, Standing
from kaimond.mcp.listeners import Listeners
from kaimond.mcp.streams import message_streams
from kaimond.mcp.text import MOST_PROGRESS, short_line
from kaimond.mcp.tools import ALIASES, TOOLS
from kaimond.mcp.waiting import interrupt

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from kaimond.connections.connection import Connection
    from kaimond.connections.hello import Hello
    from kaimond.core import Core

_log = logging.getLogger("kaimond.mcp")

INSTRUCTIONS: Final = """\
Kaimon gives you live Julia sessions: real Julia processes that keep their state between your calls.

1. start_session(project_path="/abs/path") gives the session of a project, starting it if needed. \
start_session() lists the projects that may be started. One session per project is shared by all \
agents; pass name="..." for one of your own.
2. ex(e="...", q=false) evaluates code there and shows the value. Without q=false the value is \
told in one line. Pass session="<key>" when there are several sessions.
3. An eval that takes longer than 30 s goes on in the background: check_eval(eval_id="...") shows \
it, cancel_eval(eval_id="...") interrupts it, list_evals lists them.
4. ping shows all sessions as they are at this moment. manage_repl(command="restart") gives a \
fresh Julia under the same key; manage_repl(command="shutdown") ends a session.
5. Edited source of the project and its developed packages is taken up before each eval. What \
cannot be is named below the answer; investigate_environment tells more, and what is loaded.
6. session_log and server_log show what happened.

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

    def _server(self, agent: Agent) -> Server[dict[str, Any]]:
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
        ) -> types.CallToolResult:
            _introduce(agent, context)

            async def say(sentence: str) -> None:
                line = short_line(sentence, MOST_PROGRESS)
                await context.session.report_progress(time.monotonic(), None, line)

            request = json.dumps(context.request_id)
            call = Call(self._core, agent, request, say, context.request or Standing())
            answer = await _answer(call, params.name, params.arguments or {})
            return answer.to_mcp()

        return Server(
            "kaimon",
            version=__version__,
            title="Kaimon",
            instructions=INSTRUCTIONS,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_subscriptions_listen=ListenHandler(self._bus),
        )


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
    except session_tools.UnknownToolError:
        known = ", ".join([*TOOLS, *session_tools.names(call.core)])
        message = f"There is no tool {name!r}. The tools are: {known}."
        raise MCPError(types.INVALID_PARAMS, message) from None
    except Exception as error:  # noqa: BLE001 - the SDK would show an old client the bare exception
        failure = told(error, name, "ping", call.core.paths.server_log)
        if failure.logged:
            _log.exception("%s failed", name)
        else:
            _log.info("%s refused: %s", name, failure.message.splitlines()[0])
        answer = Answer(failure.message, is_error=True)
    return answer

"""The MCP SDK's server with what agents can read, and no promise that is not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError

from kaimond.errors import ErrorKind
from kaimond.mcp import completions, prompts, resources
from kaimond.mcp.report import reported
from kaimond.mcp.text import readable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import ServerRequestContext

    from kaimond.core import Core
    from kaimond.mcp.call import Call, Standing

    Context = ServerRequestContext[dict[str, Any], Standing]
    Handler = Callable[[Context, Any], Awaitable[types.Result]]


class ToolsOnlyListen(ListenHandler):
    """Serves subscriptions, and acknowledges only those to changes of the list of tools."""

    async def __call__(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: types.SubscriptionsListenRequestParams,
    ) -> types.SubscriptionsListenResult:
        """Serve one stream of notifications."""
        wanted = types.SubscriptionFilter(
            tools_list_changed=params.notifications.tools_list_changed
        )
        return await super().__call__(ctx, params.model_copy(update={"notifications": wanted}))


class SdkServer(Server[dict[str, Any]]):
    """The SDK's server; of its lists it tells only when that of the tools changes."""

    def get_capabilities(self, *args: Any, **options: Any) -> types.ServerCapabilities:
        """Return what is served.

        Once anything can be listened to, the SDK promises notifications of everything.
        """
        found = super().get_capabilities(*args, **options)
        if found.prompts:
            found.prompts.list_changed = False
        if found.resources:
            found.resources.list_changed = found.resources.subscribe = False
        return found


def serve_reading(
    server: Server[dict[str, Any]], core: Core, call_of: Callable[[Context], Call]
) -> None:
    """Have a server serve resources, prompts and completions.

    Args:
        server: the server of one connection.
        core: the daemon.
        call_of: makes the call that a request is.
    """

    async def list_resources(_: Context, __: object) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=resources.listed(core))

    async def list_templates(_: Context, __: object) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))

    async def read(
        context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        text = await resources.read(call_of(context), params.uri)
        content = types.TextResourceContents(uri=params.uri, mime_type=resources.TYPE, text=text)
        return types.ReadResourceResult(contents=[content])

    async def list_prompts(_: Context, __: object) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=prompts.listed())

    async def get_prompt(_: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return prompts.given(params.name, params.arguments or {})

    async def complete(_: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        asked = params.argument
        return types.CompleteResult(
            completion=completions.completion(core, asked.name, asked.value)
        )

    page = types.PaginatedRequestParams
    for method, model, handler in (
        ("resources/list", page, list_resources),
        ("resources/templates/list", page, list_templates),
        ("resources/read", types.ReadResourceRequestParams, read),
        ("prompts/list", page, list_prompts),
        ("prompts/get", types.GetPromptRequestParams, get_prompt),
        ("completion/complete", types.CompleteRequestParams, complete),
    ):
        server.add_request_handler(method, model, _in_words(core, handler))


def _in_words(core: Core, handler: Handler) -> Handler:
    """Return a handler whose errors are in words; the SDK would show a client the exception."""

    async def run(context: Context, params: Any) -> types.Result:
        try:
            return await handler(context, params)
        except Exception as error:  # noqa: BLE001 - whatever it is
            failure = reported(core, context.method, error)
            ours = failure.kind in (ErrorKind.INTERNAL, ErrorKind.SYSTEM)
            code = types.INTERNAL_ERROR if ours else types.INVALID_PARAMS
            raise MCPError(code, readable(failure.message)) from None

    return run

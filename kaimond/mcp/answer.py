"""The answer of a tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mcp_types as types

from kaimond.mcp.text import clean


@dataclass(frozen=True)
class Answer:
    """The answer of a tool.

    Attributes:
        text: for the model; says everything that the structured content says.
        structured: the same facts for programs, if there are any.
        is_error: whether the call failed.
        images: pairs of MIME type and base64 text.
        meta: for programs that know us; models do not see it.
    """

    text: str
    structured: dict[str, Any] | None = None
    is_error: bool = False
    images: tuple[tuple[str, str], ...] = ()
    meta: dict[str, Any] | None = None

    def to_mcp(self) -> types.CallToolResult:
        """Convert to the result of MCP's `tools/call`."""
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=_safe(self.text))]
        content += [
            types.ImageContent(type="image", data=data, mime_type=mime)
            for mime, data in self.images
        ]
        return types.CallToolResult(
            content=content,
            structured_content=_safe(self.structured),
            is_error=self.is_error,
            _meta=self.meta,
        )


def _safe(value: Any) -> Any:
    """Return the value without what a terminal acts on or UTF-8 cannot encode.

    Errors and views quote logs and paths, which may hold anything.
    """
    if isinstance(value, str):
        return clean(value.encode("utf-8", "backslashreplace"))
    if isinstance(value, dict):
        return {key: _safe(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(one) for one in value]
    return value

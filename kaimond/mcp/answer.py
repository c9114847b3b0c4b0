"""What a tool gives back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types

from kaimond.mcp.text import readable

FACTS: Final = "kaimon/facts"
"""Key in an answer's ``_meta`` of what its text says, for programs; models do not see it."""

END: Final = "\n(end)"
"""Follows a text that is JSON, so that it no longer is, where a client would misread that."""

_READS_JSON: Final = "gemini-cli"
# Where a text is JSON, as the values 2 and "ready" are, Gemini CLI takes it for structured content,
# and fails the call because that must be an object (google-gemini/gemini-cli#27045).


@dataclass(frozen=True)
class Answer:
    """The answer of a tool.

    Attributes:
        text: for the model; says everything that the facts say.
        facts: the same for programs, where there are any.
        is_error: whether the call failed.
        images: pairs of MIME type and base64 text.
        meta: further facts for programs that know us.
    """

    text: str
    facts: dict[str, Any] | None = None
    is_error: bool = False
    images: tuple[tuple[str, str], ...] = ()
    meta: dict[str, Any] | None = None

    def to_mcp(self, client: str = "") -> types.CallToolResult:
        """Convert to the result of MCP's `tools/call`.

        Args:
            client: the MCP client's own name, "" if it has not given it.
        """
        text = _safe(self.text)
        if client.startswith(_READS_JSON) and _is_json(text):
            text += END
        content: list[types.ContentBlock] = []
        # Models refuse a text that is empty.
        if text or not self.images:
            content.append(types.TextContent(type="text", text=text))
        content += [
            types.ImageContent(type="image", data=data, mime_type=mime)
            for mime, data in self.images
        ]
        # Not as `structuredContent`: where an answer has that, Claude Code and Codex give the model
        # nothing else, and our words never arrive (anthropics/claude-code#79944,
        # openai/codex#38287).
        meta = {**(self.meta or {}), **({FACTS: _safe(self.facts)} if self.facts else {})}
        return types.CallToolResult(content=content, is_error=self.is_error, _meta=meta or None)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        # Python reads no deeper; a client may.
        return True
    return True


def _safe(value: Any) -> Any:
    """The same without what a terminal acts upon or UTF-8 cannot say.

    Errors and views quote logs and paths, which may hold anything.
    """
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _safe(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(one) for one in value]
    return value

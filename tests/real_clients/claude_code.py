"""Claude Code, which speaks the Messages API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from tests.real_clients.client import picture, texts
from tests.real_clients.conversation import Given
from tests.real_clients.fetch import PACKAGES
from tests.real_clients.stub_model import Events, Turn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable
    from pathlib import Path

_PREFIX = "mcp__kaimon__"


class ClaudeCode:
    """Claude Code, as its SDK starts it: messages by stdin and stdout."""

    name: ClassVar = "claude"
    title: ClassVar = "Claude Code"
    package: ClassVar = "@anthropic-ai/claude-code"

    def prepare(self, home: Path) -> None:
        """It needs no settings."""

    def permit(self, home: Path) -> None:
        """Its command line allows our tools."""

    def command(self, _url: str, _variables: Iterable[str]) -> list[str]:
        """Return the command; the package's own launcher would be one more process."""
        (program,) = PACKAGES.glob("@anthropic-ai/claude-code-*/claude")
        how = "--print --verbose --input-format stream-json --output-format stream-json"
        return [str(program), *how.split(), "--allowedTools", "mcp__kaimon"]

    def environment(self, url: str) -> dict[str, str]:
        """Return its variables."""
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "none",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def begin(self, process: subprocess.Popen[str]) -> None:
        """Send the task as a message."""
        content = [{"type": "text", "text": "go"}]
        _send(process, {"type": "user", "message": {"role": "user", "content": content}})

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Interrupt the turn, as Escape does; then go on."""
        request = {"subtype": "interrupt"}
        _send(process, {"type": "control_request", "request_id": "1", "request": request})
        self.begin(process)

    def attend(self, process: subprocess.Popen[str], line: str) -> None:
        """Dismiss the question, if a line of its output is one to the person."""
        if '"elicitation"' not in line:
            return
        said = json.loads(line)
        if said["type"] == "control_request":
            answer = {
                "subtype": "success",
                "request_id": said["request_id"],
                "response": {"action": "cancel"},
            }
            _send(process, {"type": "control_response", "response": answer})

    adds: ClassVar = "nothing"

    def unwrap(self, text: str) -> str:
        """Return an answer as it is."""
        return text

    # The Messages API

    def read(self, path: str, body: Any) -> Turn | None:
        """Read a request."""
        if not path.startswith("/v1/messages") or "count_tokens" in path:
            return None
        tools = body.get("tools", [])
        ours = {
            tool["name"].removeprefix(_PREFIX): "\n".join(texts(tool))
            for tool in tools
            if tool["name"].startswith(_PREFIX)
        }
        blocks = [
            block
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
        ]
        results = {
            block["tool_use_id"]: _given(block)
            for block in blocks
            if block["type"] == "tool_result"
        }
        told = "\n".join(texts([body.get("system", ""), body["messages"]]))
        return Turn(ours, results, told, aside=not tools)

    def call(self, call_id: str, tool: str, arguments: dict[str, Any]) -> Events:
        """Call a tool of ours."""
        return self._tool_use(call_id, _PREFIX + tool, arguments)

    def pause(self, call_id: str) -> Events:
        """Call the tool with which Claude Code itself waits for MCP servers."""
        return self._tool_use(call_id, "WaitForMcpServers", {})

    def _tool_use(self, call_id: str, name: str, arguments: dict[str, Any]) -> Events:
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        return _message(block, delta, "tool_use")

    def say(self, text: str) -> Events:
        """Say something."""
        block = {"type": "text", "text": ""}
        return _message(block, {"type": "text_delta", "text": text}, "end_turn")


def _send(process: subprocess.Popen[str], message: dict[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _given(block: dict[str, Any]) -> Given:
    content = block["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    images = tuple(
        picture(one["source"]["media_type"], one["source"]["data"])
        for one in content
        if one["type"] == "image"
    )
    text = "\n".join(one["text"] for one in content if one["type"] == "text")
    return Given(text, images, block.get("is_error", False))


def _message(block: dict[str, Any], delta: dict[str, Any], stop: str) -> Events:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "message",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]

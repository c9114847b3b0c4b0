"""Codex CLI, which speaks the Responses API."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any, ClassVar

from tests.real_clients.client import picture, texts
from tests.real_clients.conversation import Given
from tests.real_clients.fetch import PACKAGES
from tests.real_clients.stub_model import Events, Turn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable
    from pathlib import Path

_NAMESPACE = "mcp__kaimon"
_WRAPPING = re.compile(r"^Wall time: [0-9.]+ seconds\nOutput:\n")
_DATA_URL = re.compile(r"data:([^;]+);base64,(.*)", re.DOTALL)


class Codex:
    """Codex CLI, as `codex exec` runs it."""

    name: ClassVar = "codex"
    title: ClassVar = "Codex CLI"
    package: ClassVar = "@openai/codex"

    def prepare(self, home: Path) -> None:
        """It needs no settings."""

    def permit(self, home: Path) -> None:
        """Approve the calls of our tools, which nobody can be asked for in `codex exec`."""
        file = home / ".codex" / "config.toml"
        text = file.read_text(encoding="utf-8")
        if "approval_mode" not in text:
            table = "[mcp_servers.kaimon]\n"
            approved = f'{table}default_tools_approval_mode = "approve"\n'
            file.write_text(text.replace(table, approved), encoding="utf-8")

    def command(self, url: str, variables: Iterable[str]) -> list[str]:
        """Return the command; it names the variables that Codex would keep from our server."""
        provider = f'{{name="stub",base_url="{url}/v1",wire_api="responses",env_key="STUB_KEY"}}'
        settings = {
            "model_provider": "stub",
            "model_providers.stub": provider,
            "model": "stub",
            "check_for_update_on_startup": "false",
            "analytics.enabled": "false",
            "features.plugins": "false",
            "mcp_servers.kaimon.env_vars": json.dumps(sorted(variables)),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        program = PACKAGES / self.package / "bin" / "codex.js"
        return ["node", str(program), "exec", "--skip-git-repo-check", *options, "go"]

    def environment(self, _url: str) -> dict[str, str]:
        """Return its variables."""
        return {"STUB_KEY": "none"}

    def begin(self, process: subprocess.Popen[str]) -> None:
        """Its command has the task."""
        assert process.stdin
        process.stdin.close()

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Press ^C."""
        os.killpg(process.pid, signal.SIGINT)

    def attend(self, process: subprocess.Popen[str], line: str) -> None:
        """It asks nobody when it is run by a program."""

    adds: ClassVar = "`Wall time: <time>` and `Output:` before it"

    def unwrap(self, text: str) -> str:
        """Return an answer without how long it took."""
        return _WRAPPING.sub("", text, count=1)

    # The Responses API

    def read(self, path: str, body: Any) -> Turn | None:
        """Read a request."""
        if not path.endswith("/responses"):
            return None
        groups = [group for group in body.get("tools", []) if group.get("name") == _NAMESPACE]
        ours = {tool["name"]: "\n".join(texts(tool)) for group in groups for tool in group["tools"]}
        about = [group.get("description", "") for group in groups]
        outputs = [item for item in body["input"] if item["type"] == "function_call_output"]
        results = {item["call_id"]: _given(item["output"]) for item in outputs}
        told = "\n".join(texts([about, body.get("instructions", ""), body["input"]]))
        return Turn(ours, results, told)

    def call(self, call_id: str, tool: str, arguments: dict[str, Any]) -> Events:
        """Call a tool of ours."""
        return _function_call(call_id, {"namespace": _NAMESPACE, "name": tool}, arguments)

    def pause(self, call_id: str) -> Events:
        """Ask Codex for the resources of its servers, which it waits for."""
        return _function_call(call_id, {"name": "list_mcp_resources"}, {})

    def say(self, text: str) -> Events:
        """Say something."""
        content = [{"type": "output_text", "text": text}]
        return _response({"type": "message", "role": "assistant", "id": "m", "content": content})


def _given(output: Any) -> Given:
    if isinstance(output, str):
        return Given(output)
    images = [_DATA_URL.fullmatch(one["image_url"]) for one in output if "image_url" in one]
    text = "\n".join(one["text"] for one in output if "text" in one)
    return Given(text, tuple(picture(image[1], image[2]) for image in images if image))


def _function_call(call_id: str, named: dict[str, str], arguments: dict[str, Any]) -> Events:
    item = {"type": "function_call", "id": f"f_{call_id}", "call_id": call_id, **named}
    return _response({**item, "arguments": json.dumps(arguments)})


def _response(item: dict[str, Any]) -> Events:
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    details = {"input_tokens_details": None, "output_tokens_details": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "usage": {**usage, **details}}},
    ]
    return [(event["type"], event) for event in events]

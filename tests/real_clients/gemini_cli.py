"""Gemini CLI, which speaks generateContent."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kaimond.mcp.answer import END
from tests.real_clients.client import picture, texts
from tests.real_clients.conversation import Given
from tests.real_clients.fetch import PACKAGES
from tests.real_clients.stub_model import Events, Turn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable
    from pathlib import Path

_PREFIX = "mcp_kaimon_"

_WRAPPING: Final = re.compile(r"<untrusted_context>\n(.*)\n</untrusted_context>", re.DOTALL)
_ERROR: Final = re.compile(
    r"MCP tool '.*' reported tool error .* with response: (\[.*\])", re.DOTALL
)

_SETTINGS: Final = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
}


class GeminiCli:
    """Gemini CLI, as it runs without a person."""

    name: ClassVar = "gemini"
    title: ClassVar = "Gemini CLI"
    package: ClassVar = "@google/gemini-cli"

    def prepare(self, home: Path) -> None:
        """Have it take a key, and send nothing to anybody."""
        file = home / ".gemini" / "settings.json"
        file.parent.mkdir()
        file.write_text(json.dumps(_SETTINGS), encoding="utf-8")

    def permit(self, home: Path) -> None:
        """Its command line allows our tools."""

    def command(self, _url: str, _variables: Iterable[str]) -> list[str]:
        """Return the command."""
        program = PACKAGES / self.package / "bundle" / "gemini.js"
        how = ["--model", "gemini-2.5-flash", "--approval-mode", "yolo", "--skip-trust"]
        return ["node", str(program), *how, "--prompt", "go"]

    def environment(self, url: str) -> dict[str, str]:
        """Return its variables."""
        return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "none"}

    def begin(self, process: subprocess.Popen[str]) -> None:
        """Its command has the task."""
        assert process.stdin
        process.stdin.close()

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Press ^C."""
        os.killpg(process.pid, signal.SIGINT)

    def attend(self, process: subprocess.Popen[str], line: str) -> None:
        """It asks nobody when it is run by a program."""

    adds: ClassVar = (
        "`<untrusted_context>` around it; to an error, the whole call, and the error as JSON. "
        "Kaimon adds `(end)` to a value that is JSON, which it would misread"
    )

    def unwrap(self, text: str) -> str:
        """Return an answer without what it is wrapped in."""
        if said := _ERROR.fullmatch(text):
            (response,) = json.loads(said[1])
            content = response["functionResponse"]["response"].get("content", [])
            return "\n".join(block["text"] for block in content) or text
        wrapped = _WRAPPING.match(text)
        return wrapped[1].removesuffix(END) if wrapped else text

    # generateContent

    def read(self, path: str, body: Any) -> Turn | None:
        """Read a request."""
        if "enerateContent" not in path:
            return None
        declared = [
            tool
            for group in body.get("tools", [])
            for tool in group.get("functionDeclarations", [])
        ]
        ours = {
            tool["name"].removeprefix(_PREFIX): "\n".join(texts(tool))
            for tool in declared
            if tool["name"].startswith(_PREFIX)
        }
        results: dict[str, Given] = {}
        for content in body["contents"]:
            _read_results(content["parts"], results)
        told = "\n".join(texts([body.get("systemInstruction", ""), body["contents"]]))
        return Turn(ours, results, told, aside=not declared)

    def call(self, call_id: str, tool: str, arguments: dict[str, Any]) -> Events:
        """Call a tool of ours."""
        return _part({"functionCall": _function(call_id, _PREFIX + tool, arguments)})

    def pause(self, call_id: str) -> Events:
        """Call a tool that does nothing; Gemini CLI waits for its servers before it asks."""
        return _part({"functionCall": _function(call_id, "write_todos", {"todos": []})})

    def say(self, text: str) -> Events:
        """Say something."""
        return _part({"text": text})


def _function(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": call_id, "name": name, "args": arguments}


def _read_results(parts: list[dict[str, Any]], results: dict[str, Given]) -> None:
    """Read what a message gives for calls: text in a response, pictures in or after it."""
    last = ""
    for part in parts:
        if "functionResponse" in part:
            said = part["functionResponse"]
            last = said["id"]
            response = said["response"]
            results[last] = Given("\n".join(texts(response)), _pictures(said.get("parts", [])))
        elif last and "inlineData" in part:
            so_far = results[last]
            results[last] = Given(so_far.text, so_far.images + _pictures([part]))


def _pictures(parts: list[dict[str, Any]]) -> tuple[str, ...]:
    found = (part["inlineData"] for part in parts if "inlineData" in part)
    return tuple(picture(data["mimeType"], data["data"]) for data in found)


def _part(part: dict[str, Any]) -> Events:
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return [("", {"candidates": [candidate], "usageMetadata": usage})]

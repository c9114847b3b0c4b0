"""Runs a client through the story, in a home of its own with a daemon and a Julia session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from tests.real_clients.claude_code import ClaudeCode
from tests.real_clients.codex import Codex
from tests.real_clients.conversation import Conversation
from tests.real_clients.gemini_cli import GeminiCli
from tests.real_clients.story import World, story
from tests.real_clients.stub_model import StubModel
from tests.support.agent import agent
from tests.support.home import Home
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_clients.client import Client

CLIENTS: Final[dict[str, Client]] = {
    client.name: client for client in (ClaudeCode(), Codex(), GeminiCli())
}

_TIME: Final = 180
"""Seconds for the whole story."""


def run(client: Client, julia: dict[str, str]) -> Conversation:
    """Run a client through the story.

    Args:
        client: the client.
        julia: the variables with which a daemon finds Julia.

    Raises:
        AssertionError: the client did not do what the model said.
    """
    home = Home(julia)
    try:
        project = home.example()
        client.prepare(home.path)
        installed = home.kaimonctl("mcp", "install", "--client", client.name)
        assert installed.returncode == 0, installed.stderr
        client.permit(home.path)
        return _converse(client, home, project)
    finally:
        home.close()


def _converse(client: Client, home: Home, project: Path) -> Conversation:
    world = World(home, project, cancel=lambda: client.cancel(process), offered=lambda: set(model.offered))
    model = StubModel(client, story(world))
    with model, (home.path / "client.out").open("w+") as said:
        process = subprocess.Popen(
            client.command(model.url),
            # Whatever it wants from elsewhere, it asks the model for, as a proxy, which refuses.
            env=home.env
            | {name: model.url for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")}
            | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
            | client.environment(model.url),
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        try:
            client.begin(process)
            wait_until(lambda: model.over(process.poll() is not None), _TIME)
            # What was cancelled is given to the model by those clients that go on.
            world.facts["what became of the cancelled eval"] = asyncio.run(_newest_eval(home))
        finally:
            _end(process)
        said.seek(0)
        output = said.read()
    if model.failure:
        raise AssertionError(f"{model.failure!r}\n{output[-3000:]}") from model.failure
    assert model.first, f"{client.title} asked for nothing:\n{output[-3000:]}"
    return Conversation(
        client.title, tuple(model.steps), model.first.tools, model.first.told,
        tuple(sorted(model.outside)), world.facts,
    )


async def _newest_eval(home: Home) -> str:
    async with agent(home) as one:
        for _ in range(100):
            said = await one.ok("list_evals", limit=1)
            if " running " not in said:
                break
            await asyncio.sleep(0.1)
        return said


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

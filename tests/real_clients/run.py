"""Runs a client through the story, in a home of its own with a daemon and a Julia session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Final

from tests.real_clients.claude_code import ClaudeCode
from tests.real_clients.codex import Codex
from tests.real_clients.conversation import Conversation
from tests.real_clients.gemini_cli import GeminiCli
from tests.real_clients.story import World, story
from tests.real_clients.stub_model import StubModel
from tests.support.agent import agent, facts
from tests.support.home import Home
from tests.support.wait import until, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_clients.client import Client

CLIENTS: Final[dict[str, Client]] = {
    client.name: client for client in (ClaudeCode(), Codex(), GeminiCli())
}

_TIME: Final = 300
"""Seconds for the whole story."""

_PROXY: Final = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")

_CANCEL_TIME: Final = 10
"""Seconds after which an eval whose call was cancelled is taken to go on."""


def run(client: Client, julia: dict[str, str]) -> Conversation:
    """Run a client through the story.

    Args:
        client: the client.
        julia: the variables with which a daemon finds Julia.

    Raises:
        AssertionError: the client did not do what the model said.
    """
    home = Home(julia)
    # On a busy machine a restart may take longer than the usual 5 s, and is then told otherwise.
    home.paths.settings_file.parent.mkdir(mode=0o700, parents=True)
    home.paths.settings_file.write_text("[session]\nrestart_timeout = 60\n")
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
    world = World(
        home, project, cancel=lambda: client.cancel(process), offered=lambda: set(model.offered)
    )
    model = StubModel(client, story(world))
    with model, (home.path / "client.out").open("w+") as said:
        process = subprocess.Popen(
            client.command(model.url, home.env),
            # Whatever it wants from elsewhere, it asks the model for, as a proxy, which refuses.
            env=home.env
            | dict.fromkeys(_PROXY, model.url)
            | dict.fromkeys(_NO_PROXY, "127.0.0.1")
            | client.environment(model.url),
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        over = threading.Event()
        attending = threading.Thread(
            target=_attend, args=(client, process, home.path / "client.out", over)
        )
        attending.start()
        try:
            client.begin(process)
            wait_until(lambda: model.over(process.poll() is not None), _TIME)
            # What was cancelled is given to the model by those clients that go on.
            keys = _keys(home)
            world.facts["cancelled"] = asyncio.run(_end_of_the_newest_eval(home))
        finally:
            over.set()
            attending.join()
            _end(process)
        said.seek(0)
        output = said.read()
    if model.failure:
        raise AssertionError(f"{model.failure!r}\n{output[-3000:]}") from model.failure
    assert model.first, f"{client.title} asked for nothing:\n{output[-3000:]}"
    return Conversation(
        client.title,
        tuple(model.steps),
        model.first,
        model.told,
        str(home.path),
        keys,
        tuple(sorted(model.outside)),
        world.facts,
    )


def _attend(
    client: Client, process: subprocess.Popen[str], output: Path, over: threading.Event
) -> None:
    """Show the client each line of its output, for questions to the person at it."""
    with output.open() as lines:
        line = ""
        while not over.is_set():
            line += lines.readline()
            if line.endswith("\n"):
                client.attend(process, line)
                line = ""
            else:
                over.wait(0.05)


def _keys(home: Home) -> tuple[str, ...]:
    listed = home.kaimonctl("sessions", "--all", "--json")
    assert listed.returncode == 0, listed.stderr
    return tuple(session["key"] for session in json.loads(listed.stdout)["sessions"])


async def _end_of_the_newest_eval(home: Home) -> str:
    """Return how the last eval ended, in one line, with what is known of the reason."""
    async with agent(home) as one:
        (item,) = facts(await one.call("list_evals", limit=1))["evals"]

        async def ended() -> str:
            said = await one.ok("check_eval", eval_id=item["eval_id"])
            return said if f"{item['eval_id']} in session" in said else ""

        with contextlib.suppress(AssertionError):
            said: str = await until(ended, _CANCEL_TIME)
            return said.splitlines()[-1]
    return "goes on"


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

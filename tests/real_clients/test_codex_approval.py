"""What Codex does of its own accord, and what only if somebody has approved it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.real_clients import fetch
from tests.real_clients.codex import Codex
from tests.real_clients.conversation import Call, Given
from tests.real_clients.stub_model import StubModel
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

REFUSED = "requires approval"


@pytest.fixture
def home() -> Iterator[Home]:
    if problem := fetch.lacking():
        pytest.skip(problem)
    made = Home({})
    yield made
    made.close()


def story() -> Generator[Call, Given, None]:
    yield Call("looks", "ping", {})
    yield Call("evaluates", "ex", {"e": "1 + 1"})
    yield Call("restarts", "manage_repl", {"command": "restart"})


@pytest.mark.parametrize("approved", [False, True])
def test_codex_exec_evaluates_only_what_is_approved(home: Home, *, approved: bool) -> None:
    client = Codex()
    assert home.kaimonctl("mcp", "install", "--client", client.name).returncode == 0
    if approved:
        client.permit(home.path)

    with StubModel(client, story()) as model:
        subprocess.run(
            client.command(model.url, home.env),
            env=home.env | client.environment(model.url) | {"HTTPS_PROXY": model.url},
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=100,
            check=True,
        )

    refused = [step.title for step in model.steps if REFUSED in step.given.text]
    assert len(model.steps) == 3
    assert refused == ([] if approved else ["evaluates", "restarts"])

"""One run of each client for all tests, whatever their number and the processes that run them."""

from __future__ import annotations

import fcntl
import os
import pickle
from typing import TYPE_CHECKING

import pytest

from tests.real_clients import fetch
from tests.real_clients.run import CLIENTS, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_clients.conversation import Conversation


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--remake", action="store_true", help="write docs/what-agents-see.md instead of comparing"
    )


@pytest.fixture(scope="session")
def conversations(julia: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Conversations:
    """The conversations of the clients, by name; each is held when it is first asked for."""
    if problem := fetch.lacking():
        pytest.skip(problem)
    base = tmp_path_factory.getbasetemp()
    # A worker of xdist has a folder of its own in the run's.
    return Conversations(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base, julia)


class Conversations:
    """The conversations of this test run."""

    def __init__(self, folder: Path, julia: dict[str, str]) -> None:
        self._folder, self._julia = folder, julia

    def __getitem__(self, name: str) -> Conversation:
        """Return a client's conversation, held by whichever process asks first."""
        file = self._folder / f"conversation-{name}"
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                file.write_bytes(pickle.dumps(_held(name, self._julia)))
        held: Conversation | str = pickle.loads(file.read_bytes())
        if isinstance(held, str):
            pytest.fail(held, pytrace=False)
        return held


def _held(name: str, julia: dict[str, str]) -> Conversation | str:
    """Return a conversation, or why it failed, which is then said by every test of it."""
    try:
        return run(CLIENTS[name], julia)
    except AssertionError as error:
        return f"{CLIENTS[name].title}: {error}"

"""An upgrade in place is prepared once, however many ask for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kaimond.daemonize import upgrade
from kaimond.errors import SessionError


class Process:
    """A check that ends when it is told to."""

    def __init__(self) -> None:
        self.checked = asyncio.Event()
        self.returncode = 0

    async def communicate(self) -> tuple[bytes, bytes]:
        await self.checked.wait()
        return b"0.2.0\n", b"it is broken"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    made: list[Process] = []

    async def execute(*_command: Any, **_options: Any) -> Process:
        made.append(Process())
        return made[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", execute)
    return made


def core() -> Any:
    return SimpleNamespace(upgrade=None, reloading=False, stopping=asyncio.Event())


async def ask(
    daemon: Any, checks: list[Process], asked: int, begun: int = 1
) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(upgrade.begin(cast("Any", daemon))) for _ in range(asked)]
    while len(checks) < begun:  # noqa: ASYNC110 - the tasks above
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_a_check_runs_joins_it_and_no_second_process_is_left(
    checks: list[Process],
) -> None:
    daemon = core()
    tasks = await ask(daemon, checks, 3)
    checks[0].checked.set()
    assert await asyncio.gather(*tasks) == ["0.2.0"] * 3
    assert await upgrade.begin(daemon) == "0.2.0"
    assert len(checks) == 1
    assert daemon.reloading
    assert daemon.stopping.is_set()


async def test_a_check_that_failed_can_be_asked_for_again(checks: list[Process]) -> None:
    daemon = core()
    (task,) = await ask(daemon, checks, 1)
    checks[0].returncode = 1
    checks[0].checked.set()
    with pytest.raises(SessionError, match="it is broken"):
        await task
    (task,) = await ask(daemon, checks, 1, begun=2)
    checks[1].checked.set()
    assert await task == "0.2.0"

"""Housekeeping of the running daemon."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond import paths, serving
from kaimond.config.settings import Loaded, Settings
from kaimond.supervisor.supervisor import Supervisor
from tests.support.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.core import Core


@pytest.mark.parametrize(
    ("failure", "level"),
    [
        (OSError(28, "No space left on device"), logging.WARNING),
        (sqlite3.OperationalError("disk is full"), logging.WARNING),
        (RuntimeError("a mistake of ours"), logging.ERROR),
    ],
)
async def test_housekeeping_that_fails_is_told_and_tried_again_and_keeps_nothing_else_from_it(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    failure: Exception,
    level: int,
) -> None:
    done: list[str] = []

    def tidy() -> None:
        done.append("registry")
        raise failure

    core = SimpleNamespace(
        paths=SimpleNamespace(session_logs=tmp_path),
        supervisor=SimpleNamespace(
            tidy=lambda: None,
            registry=SimpleNamespace(tidy=tidy),
            idle=SimpleNamespace(look=lambda: None),
            history=SimpleNamespace(tidy=lambda: None),
        ),
        store=SimpleNamespace(forget_calls=lambda _: done.append("calls")),
    )
    monkeypatch.setattr(serving, "TIDY_EVERY", 0.001)
    tidying = asyncio.create_task(serving._tidy(cast("Core", core)))
    await until(lambda: done.count("calls") > 1)
    tidying.cancel()
    assert done[:4] == ["registry", "calls", "registry", "calls"]
    assert caplog.records[0].levelno == level
    assert str(failure) in caplog.text


async def test_a_daemon_that_cannot_listen_lets_go_of_the_sessions_that_it_took_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    where = paths.resolve({"HOME": str(tmp_path), "KAIMON_RUNTIME_DIR": str(tmp_path / "run")})
    for directory in where.private_directories():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    done: list[str] = []
    adopt_all, close = Supervisor.adopt_all, Supervisor.close

    def adopted(supervisor: Supervisor) -> None:
        adopt_all(supervisor)
        done.append("adopted")

    async def closed(supervisor: Supervisor) -> None:
        await close(supervisor)
        done.append("closed")

    def refused(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(Supervisor, "adopt_all", adopted)
    monkeypatch.setattr(Supervisor, "close", closed)
    monkeypatch.setattr(serving, "listen", refused)
    monkeypatch.setattr(serving, "_listen_to_signals", lambda _core: None)
    with pytest.raises(OSError, match="already in use"):
        await serving._serve(where, Loaded(Settings(), (), {}), cast("Any", None), lambda: None)
    assert done == ["adopted", "closed"]

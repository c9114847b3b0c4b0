"""Housekeeping of the running daemon."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from kaimond import serving
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

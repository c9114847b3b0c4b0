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
    "failure", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")]
)
async def test_housekeeping_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    failure: Exception,
) -> None:
    rounds: list[str] = []

    def tidy() -> None:
        rounds.append("logs")
        if len(rounds) == 1:
            raise failure

    core = SimpleNamespace(
        paths=SimpleNamespace(session_logs=tmp_path),
        supervisor=SimpleNamespace(
            sessions=SimpleNamespace(tidy=tidy),
            registry=SimpleNamespace(tidy=lambda: None, get=lambda _: None),
            idle=SimpleNamespace(look=lambda: None),
            book=SimpleNamespace(tidy=lambda: None),
        ),
        store=SimpleNamespace(forget_calls=lambda _: rounds.append("calls")),
    )
    monkeypatch.setattr(serving, "TIDY_EVERY", 0.001)
    tidying = asyncio.create_task(serving._tidy(cast("Core", core)))
    await until(lambda: "calls" in rounds)
    tidying.cancel()
    assert str(failure) in caplog.text
    assert caplog.records[0].levelno == logging.WARNING

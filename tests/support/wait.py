"""Helpers that wait for conditions."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

DEADLINE = 30.0


def wait_until(condition: Callable[[], T], timeout: float = DEADLINE) -> T:
    """Wait until a condition holds and return its value; fail after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout:g} s: {inspect.getsource(condition)}"
        time.sleep(0.02)


async def until(condition: Callable[[], Any], timeout: float = DEADLINE) -> Any:
    """Wait like `wait_until` in an asynchronous test; the condition may be asynchronous too."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout:g} s: {condition}"
        await asyncio.sleep(0.02)

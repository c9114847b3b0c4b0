"""One client's lines, and who else has a turn meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from kaimond.connections.connection import Connection

LINES = 1000


@pytest.mark.parametrize("line", [b"\n", b"{}\n"])
async def test_between_two_lines_of_one_client_it_is_the_others_turn(line: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(line * LINES)
    reader.feed_eof()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    connection = Connection(reader, cast("Any", None))
    rest = asyncio.create_task(others())
    taken = [each async for each in connection.lines()]
    rest.cancel()
    assert taken == [line.rstrip()] * LINES
    assert turns >= LINES - 1

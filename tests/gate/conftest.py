"""A libzmq context, an endpoint that is short enough, a link and a gate on either side of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq.asyncio

from kaimond.gate.link import GateLink
from tests.gate.fake_gate import FakeGate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kaimond.gate.frames import Message


@pytest.fixture
def endpoint() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield directory / "gate.sock"
    shutil.rmtree(directory)


@pytest.fixture
async def context() -> AsyncIterator[zmq.asyncio.Context]:
    made = zmq.asyncio.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
async def gate(context: zmq.asyncio.Context, endpoint: Path) -> AsyncIterator[FakeGate]:
    made = FakeGate(context, endpoint)
    yield made
    made.end()


class Heard:
    """What a link has told its owner."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.ups = 0
        self.fail = False

    def message(self, message: Message) -> None:
        self.messages.append(message)
        if self.fail:
            raise RuntimeError("a bug")

    def up(self) -> None:
        self.ups += 1
        if self.fail:
            raise RuntimeError("a bug")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def link(
    context: zmq.asyncio.Context, endpoint: Path, heard: Heard
) -> AsyncIterator[GateLink]:
    made = GateLink(context, "0a1b2c3d", endpoint, heard.message, heard.up)
    yield made
    await made.close()

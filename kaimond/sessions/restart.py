"""How a gate is had to execute Julia anew, and what proves that it did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.gate.frames import Message
from kaimond.julia_process.live import FOR_EVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kaimond.julia_process.live import LiveProcess
    from kaimond.registry.record import Record

_LOOK_AGAIN: Final = 0.05
"""Seconds between two questions to a gate that still is the old one."""


@dataclass(frozen=True)
class Restarted:
    """A restart that was proved.

    Attributes:
        record: of the session, with its new generation and boot id.
        way: how it was done, a phrase.
        seconds: that it took.
    """

    record: Record
    way: str
    seconds: float


async def execute_anew(
    live: LiveProcess,
    fields: Iterable[tuple[str, str]],
    proves: Callable[[Message], bool],
    timeout: float,
) -> tuple[Message | None, str]:
    """Ask a gate to execute Julia anew in its process, and wait for the proof.

    Args:
        live: the process and the way to its gate.
        fields: of the request.
        proves: whether an answer to a ping is of the new image.
        timeout: seconds to wait.

    Returns:
        The first answer of the new image, or None; and why the gate refused, or "".
    """
    asked = asyncio.create_task(live.link.request("restart", fields, timeout=timeout))
    proof = asyncio.create_task(new_image(live, proves))
    either: list[asyncio.Future[Any]] = [asked, proof, live.process.exited]
    await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, proof):
        task.cancel()
    said, pong = await asyncio.gather(asked, proof, return_exceptions=True)
    if isinstance(pong, Message):
        return pong, ""
    return None, said.get("reason") if isinstance(said, Message) else ""


async def new_image(live: LiveProcess, proves: Callable[[Message], bool]) -> Message:
    """Wait as long as it takes for the first answer of a new process image.

    Args:
        live: the process and the way to its gate.
        proves: whether an answer to a ping is of the new image.

    Raises:
        GateSilentError: the process is none of a session's any more.
    """
    while True:
        # The old image answers what it hears before it executes the new one; that proves nothing,
        # and an answer that is lost in between is asked for again by `repeat`.
        pong = await live.link.request("ping", timeout=FOR_EVER, repeat=True)
        if proves(pong):
            return pong
        await asyncio.sleep(_LOOK_AGAIN)

"""Has a gate execute Julia anew, and waits for proof that it did."""

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
"""Seconds between two pings while the old image still answers."""


@dataclass(frozen=True)
class Restarted:
    """A proved restart.

    Attributes:
        record: the session's record, with its new generation and boot id.
        way: a phrase that says how it was done.
        seconds: how long it took.
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
    """Ask a gate to execute Julia anew in its process, and wait for proof.

    Args:
        live: the process and its link.
        fields: the fields of the request.
        proves: returns whether a ping was answered by the new image.
        timeout: seconds to wait.

    Returns:
        The new image's first answer, or None; and why the gate refused, or "".
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
    """Wait without a limit for the first answer of a new process image.

    Args:
        live: the process and its link.
        proves: returns whether a ping was answered by the new image.

    Raises:
        GateSilentError: the process no longer belongs to a session.
    """
    while True:
        # The old image answers pings that arrive before the exec, which proves nothing. A ping that
        # is lost in between is sent again because of `repeat`.
        pong = await live.link.request("ping", timeout=FOR_EVER, repeat=True)
        if proves(pong):
            return pong
        await asyncio.sleep(_LOOK_AGAIN)

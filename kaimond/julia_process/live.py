"""A session's process and its gate link, for requests and measurements."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

from kaimond import platform
from kaimond.gate.link import GateSilentError, LinkClosedError
from kaimond.julia_process.activity import Activity
from kaimond.julia_process.forced_signals import Forcing
from kaimond.julia_process.health import Seen
from kaimond.julia_process.process import started_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kaimond.evals.eval import Eval
    from kaimond.evals.eval_queue import Turn
    from kaimond.gate.frames import Message
    from kaimond.gate.link import GateLink
    from kaimond.julia_process.process import SessionProcess
    from kaimond.julia_process.signal_lock import SignalLock


BUSY_TIMEOUT: Final = 0.5
"""Seconds for an answer from a gate that can answer during an eval. Only a garbage collection that
waits for the running code, or an overloaded machine, delays it longer."""

LOOK_TIMEOUT: Final = 2.0
"""Seconds for an answer from an idle gate: enough for a loaded machine and a full garbage
collection."""


FOR_EVER: Final = 86_400.0
"""Seconds; for requests whose waiting is limited in another way."""


@dataclass
class LiveProcess:
    """A process and its gate link.

    Attributes:
        process: the Julia process.
        link: the link to its gate.
        signal_lock: protects it from SIGINTs.
        turn: whether a person's input is being evaluated.
        joined: whether a person started the process.
        pong: the last answer to a ping.
        activity: what the process does, as seen from outside.
        forcing: the SIGINTs that we have sent to it.
    """

    process: SessionProcess
    link: GateLink
    signal_lock: SignalLock
    turn: Turn
    joined: bool = False
    pong: Message | None = None
    activity: Activity = field(init=False, repr=False)
    forcing: Forcing = field(default_factory=Forcing, repr=False)
    _usage: psutil.Process | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.activity = Activity(self.process.pid)
        with contextlib.suppress(psutil.Error):
            self._usage = psutil.Process(self.process.pid)
            # psutil measures between calls, and the first call only sets the starting point.
            self._usage.cpu_percent()

    async def ask(
        self,
        verb: str,
        fields: Iterable[tuple[str, str | bytes]] = (),
        *,
        timeout: float,
        repeat: bool = False,
    ) -> Message | None:
        """Send the gate a request and wait for its answer, or for the end of its process.

        Args:
            verb: the request's verb.
            fields: the request's fields.
            timeout: seconds to wait.
            repeat: see `GateLink.request`.

        Returns:
            The answer; None if the process ends first, or no longer belongs to a session.

        Raises:
            GateSilentError: no answer within ``timeout`` seconds.
        """
        return await ask(self.link, self.process, verb, fields, timeout=timeout, repeat=repeat)

    def children_of(self, item: Eval) -> list[psutil.Process]:
        """Return the processes an eval may have started, without those of the REPL's user."""
        children = self.process.descendants()
        if not self.joined:
            return children
        return started_since(children, item.began)

    async def look(self, timeout: float, busy_since: Callable[[], float | None]) -> Seen:
        """Measure health by pinging the gate and checking the transport.

        Before Julia 1.9 a busy gate is not pinged, because it answers only between evals; libzmq's
        own thread still keeps its transport alive.

        Args:
            timeout: seconds for an answer from an idle gate.
            busy_since: returns when the current evaluation began, on the monotonic clock.
        """
        answered: bool | None = None
        # After adoption the link may still be connecting, so wait for it; but do not wait for a
        # transport that has been down for longer.
        left = self.link.changed + timeout - time.monotonic()
        up = self.link.up or (left > 0 and await self.link.wait_up(left))
        if up and busy_since() is None:
            answered = await self._answers(timeout)
        elif up and self.pong and self.pong.get("responder"):
            answered = await self._answers(min(timeout, BUSY_TIMEOUT))
        now = time.monotonic()
        # An eval may have begun during the ping; then a missing answer means nothing.
        began = busy_since()
        evaluating = None if began is None else now - began
        silent = bool(answered and self.pong and self.pong.get("silent"))
        return Seen(self.link.up, now - self.link.changed, evaluating, answered, silent)

    async def _answers(self, timeout: float) -> bool:
        """Return whether the gate answers a ping; False if the process ends meanwhile."""
        try:
            pong = await self.ask("ping", timeout=timeout)
        except GateSilentError:
            return False
        if pong is None:
            return False
        self.pong = pong
        return True

    def pwd(self) -> str:
        """Return the current working directory according to the system, or else to the gate."""
        return platform.working_directory(self.process.pid) or (
            self.pong.get("pwd") if self.pong else ""
        )

    def usage(self) -> tuple[float | None, int | None]:
        """Return CPU percentage since the last call and resident bytes; None where unknown."""
        try:
            if self._usage is None:
                return None, None
            return self._usage.cpu_percent(), self._usage.memory_info().rss
        except psutil.Error:
            return None, None


async def ask(
    link: GateLink,
    process: SessionProcess,
    verb: str,
    fields: Iterable[tuple[str, str | bytes]] = (),
    *,
    timeout: float,
    repeat: bool = False,
) -> Message | None:
    """Send a gate a request unless its process ends; see `LiveProcess.ask`."""
    asking = asyncio.create_task(link.request(verb, fields, timeout=timeout, repeat=repeat))
    either: list[asyncio.Future[Any]] = [asking, process.exited]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not asking.done():
            asking.cancel()
            await asyncio.wait([asking])
    if asking.cancelled():
        return None
    try:
        return asking.result()
    except LinkClosedError:
        return None

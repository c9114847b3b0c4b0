"""A session's process and the way to its gate: to ask it something, and to see how it is."""

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
"""Seconds that a gate gets that answers while an eval runs. What holds it up longer is a garbage
collection that waits for the code that runs, or a machine that is too busy."""

LOOK_TIMEOUT: Final = 2.0
"""Seconds that an idle gate gets to answer: enough for a machine under load and for a full garbage
collection."""


FOR_EVER: Final = 86_400.0
"""Seconds; for requests whose waiting is limited by somebody else."""


@dataclass
class LiveProcess:
    """One process and the way to its gate.

    Attributes:
        process: the Julia process.
        link: to its gate.
        signal_lock: keeps SIGINTs away.
        turn: whether a person's input is evaluated.
        joined: whether a person started the process.
        pong: the last answer to a ping.
        activity: what the process does, as seen from outside.
        forcing: the SIGINTs that it has got.
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
            # psutil measures from call to call; the first one only sets the mark.
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
            verb: of the request.
            fields: of the request.
            timeout: seconds to wait.
            repeat: as of `GateLink.request`.

        Returns:
            The answer; None if the process ends first, or is a session's no more.

        Raises:
            GateSilentError: no answer within ``timeout`` seconds.
        """
        return await ask(self.link, self.process, verb, fields, timeout=timeout, repeat=repeat)

    def children_of(self, item: Eval) -> list[psutil.Process]:
        """The processes that an eval may have started; a person's own are not among them."""
        children = self.process.descendants()
        if not self.joined:
            return children
        return started_since(children, item.began)

    async def look(self, timeout: float, busy_since: Callable[[], float | None]) -> Seen:
        """Measure: ask the gate, and see how the transport is.

        Before Julia 1.9 a busy gate is not asked, because Julia answers only between evals; its
        transport is answered by libzmq's own thread.

        Args:
            timeout: seconds that an idle gate gets to answer.
            busy_since: tells when what is evaluated now began, on the monotonic clock.
        """
        answered: bool | None = None
        # A daemon that has just adopted the session is still connecting; a transport that has been
        # down for longer is not waited for.
        left = self.link.changed + timeout - time.monotonic()
        up = self.link.up or (left > 0 and await self.link.wait_up(left))
        if up and busy_since() is None:
            answered = await self._answers(timeout)
        elif up and self.pong and self.pong.get("responder"):
            answered = await self._answers(min(timeout, BUSY_TIMEOUT))
        now = time.monotonic()
        # An eval may have begun while the ping was under way; then silence says nothing.
        began = busy_since()
        evaluating = None if began is None else now - began
        silent = bool(answered and self.pong and self.pong.get("silent"))
        return Seen(self.link.up, now - self.link.changed, evaluating, answered, silent)

    async def _answers(self, timeout: float) -> bool:
        """Whether the gate answers a ping; a process that ends meanwhile does not."""
        try:
            pong = await self.ask("ping", timeout=timeout)
        except GateSilentError:
            return False
        if pong is None:
            return False
        self.pong = pong
        return True

    def pwd(self) -> str:
        """The process's working directory now, as the system says, or else as the gate said."""
        return platform.working_directory(self.process.pid) or (
            self.pong.get("pwd") if self.pong else ""
        )

    def usage(self) -> tuple[float | None, int | None]:
        """CPU in percent since the last call, and resident memory in bytes; None if unknown."""
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
    """Ask a gate something unless its process ends; see `LiveProcess.ask`."""
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

"""A session's process, as the daemon holds it: the process, the link, what was last seen."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

from kaimond import platform
from kaimond.gate.link import GateSilentError
from kaimond.julia_process.activity import Activity
from kaimond.julia_process.forced_signals import Forcing
from kaimond.julia_process.health import Seen
from kaimond.julia_process.process import started_since

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link
    from kaimond.julia_process.process import SessionProcess
    from kaimond.julia_process.signal_lock import Shield


BUSY_TIMEOUT: Final = 0.5
"""Seconds that a gate gets that answers while an eval runs. What holds it up longer is a garbage
collection that waits for the code that runs, or a machine that is too busy."""

LOOK_TIMEOUT: Final = 2.0
"""Seconds that an idle gate gets to answer: enough for a machine under load and for a full garbage
collection."""


@dataclass
class Live:
    """One process image and the way to it.

    Attributes:
        process: the Julia process.
        link: to its gate.
        shield: keeps SIGINTs away.
        joined: whether a person started the process.
        pong: the last answer to a ping.
        busy_since: when its running eval began, on the monotonic clock; None while idle.
        activity: what the process does, as seen from outside.
        turn: id of the terminal whose input is evaluated, "" while none is.
        turn_began: when that began, in seconds since the epoch.
        forcing: the SIGINTs that it has got.
    """

    process: SessionProcess
    link: Link
    shield: Shield
    joined: bool = False
    pong: Message | None = None
    busy_since: float | None = None
    activity: Activity = field(init=False, repr=False)
    turn: str = ""
    turn_began: float = 0.0
    forcing: Forcing = field(default_factory=Forcing, repr=False)
    _usage: psutil.Process | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.activity = Activity(self.process.pid)
        with contextlib.suppress(psutil.Error):
            self._usage = psutil.Process(self.process.pid)
            # psutil measures from call to call; the first one only sets the mark.
            self._usage.cpu_percent()

    def begin_turn(self, terminal: str) -> None:
        """What a person has entered at a terminal is evaluated from now on."""
        self.turn, self.turn_began = terminal, time.time()

    def end_turn(self) -> None:
        """Agents' evals are evaluated again."""
        self.turn = ""

    def children_of(self, item: Eval) -> list[psutil.Process]:
        """The processes that an eval may have started; a person's own are not among them."""
        children = self.process.descendants()
        if not self.joined:
            return children
        return started_since(children, item.began)

    async def look(self, timeout: float) -> Seen:
        """Measure: ask the gate, and see how the transport is.

        Before Julia 1.9 a busy gate is not asked, because Julia answers only between evals; its
        transport is answered by libzmq's own thread.
        """
        answered: bool | None = None
        # A daemon that has just adopted the session is still connecting; a transport that has been
        # down for longer is not waited for.
        left = self.link.changed + timeout - time.monotonic()
        up = self.link.up or (left > 0 and await self.link.wait_up(left))
        if up and self.busy_since is None:
            answered = await self._answers(timeout)
        elif up and self.pong and self.pong.get("responder"):
            answered = await self._answers(min(timeout, BUSY_TIMEOUT))
        now = time.monotonic()
        # An eval may have begun while the ping was under way; then silence says nothing.
        evaluating = None if self.busy_since is None else now - self.busy_since
        silent = bool(answered and self.pong and self.pong.get("silent"))
        return Seen(self.link.up, now - self.link.changed, evaluating, answered, silent)

    async def _answers(self, timeout: float) -> bool:
        """Whether the gate answers a ping; a process that ends meanwhile does not."""
        asking = asyncio.create_task(self.link.request("ping", timeout=timeout))
        either: list[asyncio.Future[Any]] = [asking, self.process.exited]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
        try:
            self.pong = await asking
        except (GateSilentError, asyncio.CancelledError):
            return False
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

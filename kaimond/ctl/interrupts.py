"""^C as something that a waiting command notices, instead of an exception at any place."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class Interrupts:
    """Counts the interrupts from the keyboard within the context.

    Attributes:
        count: how many there were.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._old_wake = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._old = signal.getsignal(signal.SIGINT)
        # A job in the background of a script is not to hear of ^C.
        if self._old is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._counted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._old)
        signal.set_wakeup_fd(self._old_wake)
        self._wake.close()
        self._woken.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there may be new ones."""
        return self._woken.fileno()

    def calm(self) -> None:
        """Read what the descriptor has."""
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(64):
                pass

    def _counted(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1

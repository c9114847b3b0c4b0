"""The person's terminal in raw mode; every way out restores it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import termios
import tty
from typing import TYPE_CHECKING, Final, Self

from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_CHUNK: Final = 2**14

_PLAIN: Final = b"\x1b[?2004l\x1b[?25h\x1b[0m"
"""Bracketed paste off, cursor visible, no colours: undoes what a line editor may have set."""

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class RawTerminal:
    """Standard input and output in raw mode within the context.

    Raises:
        CtlError: they are not a terminal.
    """

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise CtlError(
                "attach needs a terminal for its input and its output, and here one of them is "
                "none. Nothing was done. Programs evaluate with the tool ex.",
                ExitCode.USAGE,
            )
        self._in = sys.stdin.fileno()
        self._out = sys.stdout.fileno()

    def __enter__(self) -> Self:
        sys.stdout.flush()
        self._modes = termios.tcgetattr(self._in)
        self._handlers = {
            number: signal.getsignal(number)
            for number in (*_ENDING, signal.SIGWINCH, signal.SIGCONT)
        }
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._old_wake = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, _end)
        # The handlers do nothing; the signals only wake up the waiting select.
        signal.signal(signal.SIGWINCH, _ignore)
        signal.signal(signal.SIGCONT, _ignore)
        tty.setraw(self._in, termios.TCSADRAIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A terminal that is gone needs no restoring.
        with contextlib.suppress(OSError, termios.error):
            self.write(_PLAIN)
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._in, termios.TCSADRAIN, self._modes)
        signal.set_wakeup_fd(self._old_wake)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._wake.close()
        self._woken.close()

    @property
    def input(self) -> int:
        """The descriptor that is readable when the person has typed."""
        return self._in

    @property
    def woken(self) -> int:
        """The descriptor that is readable when the terminal's size may have changed."""
        return self._woken.fileno()

    def calm(self) -> None:
        """Read what `woken` has, and set raw mode again.

        A shell that stopped and continued this program may have changed the modes.
        """
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(_CHUNK):
                pass
        # TCSANOW keeps what was typed meanwhile.
        tty.setraw(self._in, termios.TCSANOW)

    def size(self) -> tuple[int, int]:
        """Return rows and columns; 24 by 80 if the terminal does not know them."""
        try:
            columns, rows = os.get_terminal_size(self._out)
        except OSError:
            rows = columns = 0
        return rows or 24, columns or 80

    def read(self) -> bytes:
        """Return what the person typed; empty if the terminal is gone."""
        try:
            return os.read(self._in, _CHUNK)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Write bytes to the terminal unchanged."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._out, left) :]


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


class DetachKey:
    """A detector of the keys with which a person detaches, in the stream of input.

    Args:
        text: one or more control keys in caret notation, such as ``^]`` or ``^P^Q``.

    Raises:
        ValueError: the text is anything else.
    """

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"(\^[A-Za-z@\[\\\]^_])+", text):
            raise ValueError(text)
        self._keys = bytes(ord(key) & 0x1F for key in text.upper()[1::2])
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Process input; return what to pass on, and whether the person detaches.

        A beginning of the key sequence is held back until it is clear whether the rest follows.
        """
        data = self._held + data
        before, found, _ = data.partition(self._keys)
        if found:
            self._held = b""
            return before, True
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:length]):
                self._held = data[-length:]
                return data[:-length], False
        self._held = b""
        return data, False

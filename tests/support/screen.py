"""A program on a pseudo-terminal, with keys typed and output read as by a person."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from typing import TYPE_CHECKING, Self

from tests.support.wait import DEADLINE

PATIENCE = 90.0
"""Seconds; the first output waits for compilation, and the machine may be slow."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


def plain(data: bytes) -> str:
    """Return the output without colours and cursor movements."""
    return _ESCAPES.sub(b"", data).decode(errors="replace")


class Screen:
    """A program on a terminal of its own, in its own process session.

    Args:
        command: the program and its arguments.
        env: the program's environment.
        rows: the terminal's height.
        columns: the terminal's width.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], rows: int = 30, columns: int = 100
    ) -> None:
        self._leader, follower = pty.openpty()
        self.resize(rows, columns)
        self.modes = termios.tcgetattr(follower)
        self.process = subprocess.Popen(
            list(command),
            env={**env, "TERM": "xterm-256color"},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        self._follower = follower
        self._shown = bytearray()
        self._mark = 0
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        while not self._closed.is_set():
            if select.select([self._leader], [], [], 0.05)[0]:
                try:
                    self._shown += os.read(self._leader, 2**16)
                except OSError:
                    return

    @property
    def text(self) -> str:
        """All output so far, as text."""
        return plain(bytes(self._shown))

    @property
    def raw(self) -> bytes:
        """All output so far, as bytes."""
        return bytes(self._shown)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._leader, text.encode())

    def enter(self, text: str) -> None:
        """Press keys and Enter."""
        self.type(text + "\r")

    def expect(self, wanted: str, timeout: float = PATIENCE) -> str:
        """Wait for output that contains ``wanted``; return the new output before it."""
        end = time.monotonic() + timeout
        while True:
            found = self.text.find(wanted, self._mark)
            if found >= 0:
                before = self.text[self._mark : found]
                self._mark = found + len(wanted)
                return before
            assert time.monotonic() < end, (
                f"{wanted!r} was not shown within {timeout:g} s (exit code "
                f"{self.process.poll()}) after:\n{self.text[self._mark - 300 :]}"
            )
            time.sleep(0.02)

    def resize(self, rows: int, columns: int) -> None:
        """Change the terminal's size."""
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def restored(self) -> bool:
        """Return whether the terminal's modes are as before the program."""
        return termios.tcgetattr(self._follower) == self.modes

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait until the program exits; return its exit code."""
        return self.process.wait(timeout)

    def close(self) -> None:
        """Close the terminal."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._reader.join()
        os.close(self._follower)
        os.close(self._leader)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

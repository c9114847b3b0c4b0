"""Moves bytes between the client's stdio and the daemon, with timers, in one thread.

Each side is read only while the buffer towards the other has room, so a slow reader slows its
counterpart and costs no memory. `requests` knows what the lines mean, and `daemon_link` where the
daemon is.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import time

from kaimond import runtime, wire
from kaimond.shim.daemon_link import NEVER, DaemonLink
from kaimond.shim.lines import Lines, TooLong
from kaimond.shim.requests import OpenRequests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PATIENCE: Final = 20.0
"""Seconds that a request waits for a daemon before it is answered without; clients allow 30 s."""

FAREWELL: Final = 2.0
"""Seconds allowed for answers under way after the client has closed its end."""

AFTER_MISTAKE: Final = 0.1
"""Seconds of pause after a mistake of our own."""

CHUNK: Final = 1 << 18
HIGH: Final = 1 << 20
"""Bytes in a buffer from which on its source is not read."""

MAX_HELD: Final = 4 * wire.MAX_LINE
MAX_WAITING: Final = 256
"""Unanswered requests, in bytes and in number, from which on the client is not read."""


class ClientGoneError(Exception):
    """An error about a client that no longer reads what we write."""


def serve() -> int:
    """Serve the client on stdin and stdout until it is gone; return the exit code."""
    pump = Pump(runtime.runtime_directory())
    try:
        pump.start()
        while True:
            try:
                if not pump.turn():
                    return 0
            except ClientGoneError:
                return 0
            except Exception as error:  # noqa: BLE001 - the client would lose us for good
                pump.survive(error)
    finally:
        pump.close()


class Pump:
    """The traffic of one client, with its open requests and its link to the daemon."""

    def __init__(self, directory: str) -> None:
        self._book = OpenRequests()
        self._link = DaemonLink(directory, os.urandom(8).hex())
        self._client_lines = Lines(wire.MAX_LINE)
        self._daemon_lines = Lines(wire.MAX_LINE)
        self._to_client = bytearray()
        self._to_daemon = bytearray()
        self._daemon_reads = True
        self._held_until = NEVER
        self._leave_at = NEVER
        self._blocking_stdout = True

    def start(self) -> None:
        """Look for the daemon, and prepare this process while the daemon prepares itself."""
        self._look_for_daemon(time.monotonic())
        self._write_daemon()
        # Only a private pipe: a terminal or a file is shared with others, whom this would surprise.
        mode = os.fstat(1).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.set_blocking(1, False)
            self._blocking_stdout = False
        _exit_on_signals()

    def turn(self) -> bool:
        """Wait for something to do, and do it; return whether the client is still there."""
        link, now = self._link, time.monotonic()
        if self._finished(now):
            return False
        readers: list[int] = []
        writers: list[int] = []
        peer = link.sock.fileno() if link.sock else -1
        if self._client_may_speak():
            readers.append(0)
        if peer >= 0 and len(self._to_client) < HIGH:
            readers.append(peer)
        if peer >= 0 and self._to_daemon and self._daemon_reads:
            writers.append(peer)
        if self._to_client:
            writers.append(1)
        due = min(link.due(self._book.wanted), self._held_until, self._leave_at)
        timeout = None if due == NEVER else max(0.0, due - now)
        readable, writable, _ = select.select(readers, writers, [], timeout)
        if peer in readable:
            self._read_daemon()
        if 0 in readable:
            self._read_client()
        self._look_for_daemon(time.monotonic())
        self._deliver()
        if self._to_client and (1 in writable or not self._blocking_stdout):
            self._write_client()
        if self._to_daemon:
            self._write_daemon()
        return True

    def survive(self, error: Exception) -> None:
        """Recover from a mistake of our own: answer open requests and begin a new connection."""
        trouble = f"kaimon-mcp made a mistake of its own ({type(error).__name__}: {error})."
        _say(trouble)
        self._lose_daemon(time.monotonic())
        self._book.give_up(trouble)
        # Later requests wait for the new connection, as after any other break.
        self._book.trouble = ""
        self._deliver()
        # A mistake that recurs at every turn must not use a whole processor. Waiting for input
        # would not help: what causes it may be there already.
        time.sleep(AFTER_MISTAKE)

    def close(self) -> None:
        """Close the link to the daemon and restore stdout as it was found."""
        self._link.close()
        if not self._blocking_stdout:
            os.set_blocking(1, True)

    def _client_may_speak(self) -> bool:
        book = self._book
        return (
            self._leave_at == NEVER
            and len(self._to_daemon) < HIGH
            and book.held < MAX_HELD
            and book.waiting < MAX_WAITING
        )

    def _finished(self, now: float) -> bool:
        if self._leave_at == NEVER:
            return False
        busy = self._to_client or self._to_daemon or self._book.pressing
        return not busy or now >= self._leave_at

    def _look_for_daemon(self, now: float) -> None:
        link, book = self._link, self._book
        if link.tick(now, book.wanted):
            self._daemon_lines = Lines(wire.MAX_LINE)
            self._daemon_reads = True
            self._to_daemon[:] = link.hello(book.replay_ids(), book.cancelled_ids())
        if link.problem and link.problem != book.trouble:
            _say(link.problem)
            book.give_up(link.problem)
        if link.up or not book.pressing:
            self._held_until = NEVER
        elif self._held_until == NEVER:
            self._held_until = now + PATIENCE
        elif now >= self._held_until:
            book.give_up(f"Nothing has come from kaimond for {PATIENCE:.0f} s: {link.doing}.")

    def _lose_daemon(self, now: float) -> None:
        self._link.lose(now)
        self._to_daemon.clear()
        self._book.disconnected()

    def _read_client(self) -> None:
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            lines = self._client_lines.feed(data)
        else:
            self._leave_at = time.monotonic() + FAREWELL
            last = self._client_lines.finish()
            lines = [last] if last else []
        for line in lines:
            if isinstance(line, TooLong):
                self._book.too_long(line, wire.MAX_LINE)
            else:
                self._book.from_client(line)

    def _read_daemon(self) -> None:
        link = self._link
        assert link.sock
        try:
            data = link.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose_daemon(time.monotonic())
            return
        for line in self._daemon_lines.feed(data):
            if link.up and isinstance(line, TooLong):
                self._book.answer_too_long(line, wire.MAX_LINE)
            elif link.up and isinstance(line, bytes):
                self._book.from_daemon(line)
            elif link.welcomed(line if isinstance(line, bytes) else b"", time.monotonic()):
                self._book.connected()
            else:
                # We were refused: what the daemon sent after that does not concern us.
                self._to_daemon.clear()
                return

    def _deliver(self) -> None:
        book = self._book
        for lines, buffer in (
            (book.to_client, self._to_client),
            (book.to_daemon, self._to_daemon),
        ):
            for line in lines:
                buffer.extend(line)
                buffer.extend(b"\n")
            lines.clear()

    def _write_client(self) -> None:
        # Without O_NONBLOCK, only this much is sure not to block.
        size = select.PIPE_BUF if self._blocking_stdout else CHUNK
        try:
            written = os.write(1, self._to_client[:size])
        except BlockingIOError:
            return
        except OSError:
            raise ClientGoneError from None
        del self._to_client[:written]

    def _write_daemon(self) -> None:
        sock = self._link.sock
        if not sock or not self._daemon_reads:
            return
        try:
            sent = sock.send(self._to_daemon[:CHUNK])
        except BlockingIOError:
            return
        except OSError:
            # Answers may still be in the socket; its end is noticed after the last of them.
            self._daemon_reads = False
            return
        del self._to_daemon[:sent]


def _exit_on_signals() -> None:
    import signal  # noqa: PLC0415 - imported while the daemon reads our hello

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def _say(text: str) -> None:
    """Write a line for people who read the client's log of its servers."""
    try:
        sys.stderr.write(f"kaimon-mcp: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Nobody reads it, and nothing else depends on it.
        pass

"""A blocking client of the control socket, with a deadline on every operation but `arrived`."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self

from kaimond import __version__, runtime, wire
from kaimond.ctl.output import CtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

HELLO_TIMEOUT: Final = 5.0
CALL_TIMEOUT: Final = 15.0
START_TIMEOUT: Final = 30.0
"""Seconds for a daemon to start."""

AGAIN_FOR: Final = 60.0
"""Seconds for which a broken connection is retried."""

_PAUSE: Final = 0.2
_CHUNK: Final = 1 << 16


class SkewedDaemonError(CtlError):
    """The running daemon does not speak the protocol that was used in the hello.

    Attributes:
        common: the newest protocol that both speak; 0 if there is none.
        pid: the daemon's pid; 0 if it did not say.
    """

    def __init__(self, skew: wire.SkewError) -> None:
        super().__init__(skew.message)
        self.common = skew.common
        self.pid = skew.pid


class Client:
    """A connection to the daemon on which hello and welcome were exchanged.

    Args:
        sock: a socket connected to the daemon.
        timeout: seconds to wait for its welcome.
        protocol: the protocol to speak.

    Raises:
        SkewedDaemonError: the daemon does not speak that protocol.
        CtlError: it refuses us, or sends no welcome.

    Attributes:
        version: the daemon's package version.
    """

    def __init__(
        self, sock: socket.socket, timeout: float = HELLO_TIMEOUT, protocol: int = wire.PROTOCOL
    ) -> None:
        self._sock = sock
        self._splitter = wire.LineSplitter()
        self._lines: list[bytes] = []
        self._last_id = 0
        try:
            self._send(wire.hello("ctl", protocol=protocol), timeout)
            self.version = wire.read_welcome(self._line(time.monotonic() + timeout), "ctl")
        except wire.SkewError as error:
            sock.close()
            raise SkewedDaemonError(error) from None
        except wire.WireError as error:
            sock.close()
            code = ExitCode.UNKNOWN if error.code in {"hello", "not-json"} else ExitCode.FAILED
            raise CtlError(error.message, code) from None
        except CtlError:
            sock.close()
            raise
        if self.version != __version__:
            sys.stderr.write(
                f"kaimonctl: warning: the daemon is version {_plain(self.version)}, this is "
                f"{__version__}. With `kaimonctl reload` the installed one takes over; sessions "
                "go on.\n"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sock.close()

    def call(self, method: str, timeout: float = CALL_TIMEOUT, **params: Any) -> dict[str, Any]:
        """Send a request to the daemon and return the result.

        Raises:
            CtlError: the daemon refuses, does not answer, or closes the connection.
        """
        until = time.monotonic() + timeout
        number = self.ask(method, timeout, **params)
        while True:
            try:
                answer = wire.decode(self._line(until))
            except wire.WireError as error:
                raise CtlError(f"{error.message}. {_UNKNOWN}", ExitCode.UNKNOWN) from None
            if answer.get("id") == number and "method" not in answer:
                return result(answer)

    def ask(self, method: str, timeout: float = CALL_TIMEOUT, **params: Any) -> int:
        """Send a request whose answer will be among what `arrived` returns; return its id.

        Raises:
            CtlError: the daemon does not read it within ``timeout`` seconds.
        """
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._send(wire.encode(request), timeout)
        return self._last_id

    def notify(self, method: str, **params: Any) -> None:
        """Send the daemon a message that has no answer.

        Raises:
            CtlError: it does not read the message.
        """
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self._send(wire.encode(message), CALL_TIMEOUT)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `arrived` may have messages."""
        return self._sock.fileno()

    @property
    def buffered(self) -> bool:
        """Whether messages are buffered here, which the descriptor does not show."""
        return bool(self._lines)

    def arrived(self) -> tuple[dict[str, Any], ...] | None:
        """Return the messages that were not waited for; None if the daemon closed the connection.

        Waits, without a limit, if there are none yet.

        Raises:
            CtlError: a message cannot be decoded.
        """
        data = b""
        if not self._lines:
            self._sock.settimeout(None)
            try:
                data = self._sock.recv(_CHUNK)
            except OSError:
                data = b""
            if not data:
                return None
        try:
            lines, self._lines = self._lines or self._splitter.feed(data), []
            return tuple(wire.decode(line) for line in lines)
        except wire.WireError as error:
            raise CtlError(
                f"kaimond sent a message that cannot be read ({error.message}). {_UNKNOWN}",
                ExitCode.UNKNOWN,
            ) from None

    def wait_until_closed(self, timeout: float) -> None:
        """Wait until the daemon closes the connection, ``timeout`` seconds at most."""
        self._sock.settimeout(timeout)
        with contextlib.suppress(OSError):
            while self._sock.recv(_CHUNK):
                pass

    def _send(self, data: bytes, timeout: float) -> None:
        self._sock.settimeout(timeout)
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise _silent(timeout) from None
        except OSError:
            # The daemon may have sent the reason before it closed the connection.
            return

    def _line(self, until: float) -> bytes:
        begin = time.monotonic()
        while not self._lines:
            left = until - time.monotonic()
            self._sock.settimeout(max(left, 0.001))
            try:
                data = self._sock.recv(_CHUNK)
            except TimeoutError:
                raise _silent(until - begin) from None
            except OSError:
                data = b""
            if not data:
                raise CtlError(
                    f"kaimond closed the connection without an answer. {_UNKNOWN}",
                    ExitCode.UNKNOWN,
                )
            self._lines = self._splitter.feed(data)
        return self._lines.pop(0)


_UNKNOWN: Final = "What was asked may or may not be done; see `kaimonctl status` and its log."


def connect() -> Client:
    """Connect to the running daemon, in the newest protocol that both speak.

    Raises:
        SkewedDaemonError: the two have no protocol in common.
        CtlError: none is running (`ExitCode.NOT_RUNNING`), or that is unknown.
    """
    try:
        return Client(_open())
    except SkewedDaemonError as skew:
        if not skew.common:
            raise
        return Client(_open(), protocol=skew.common)


def _open() -> socket.socket:
    directory = runtime.runtime_directory()
    path = os.path.join(directory, runtime.CONTROL_SOCKET)  # noqa: PTH118 - pathlib costs 5 ms
    try:
        # Do not create the directory: asking whether a daemon runs should leave no traces.
        if os.path.lexists(directory):
            runtime.ensure_private(directory)
        runtime.check_socket_path(path)
    except (runtime.UnsafeDirectoryError, runtime.SocketPathTooLongError) as error:
        raise CtlError(str(error), ExitCode.UNKNOWN) from None
    # Connecting to a service manager's socket would start a daemon, and we only ask for one.
    if runtime.daemon_lock_held(directory) is False:
        raise _not_running()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(HELLO_TIMEOUT)
    try:
        sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        raise _not_running() from None
    except OSError as error:
        sock.close()
        raise CtlError(
            f"{path} is there but does not take connections ({error}). "
            "Whether kaimond works is unknown; see `kaimonctl log`.",
            ExitCode.UNKNOWN,
        ) from None
    return sock


def _not_running() -> CtlError:
    return CtlError(
        "kaimond is not running. It starts with the first agent that needs it, with "
        "`kaimonctl start PATH`, or with `kaimond --detach`.",
        ExitCode.NOT_RUNNING,
    )


def connect_or_start() -> Client:
    """Connect to the daemon; start it if none is running.

    Raises:
        CtlError: there is no connection; the message gives the reason.
    """
    try:
        return connect()
    except CtlError as error:
        if error.code is not ExitCode.NOT_RUNNING:
            raise
    from kaimond import start_daemon  # noqa: PLC0415 - not needed while a daemon runs

    verdict = start_daemon.start(runtime.runtime_directory(), START_TIMEOUT)
    if not verdict.sock:
        raise CtlError(
            f"{verdict.reason} Nothing was done. Run `kaimond` to see it in your terminal.",
            ExitCode.NOT_RUNNING,
        )
    # If a service manager holds the socket, the daemon starts only now.
    try:
        return Client(verdict.sock, START_TIMEOUT)
    except SkewedDaemonError:
        return connect()


def connected_again(still: Callable[[], bool] = lambda: True) -> Client:
    """Connect to the daemon that takes the place of one that went away, or start it.

    Args:
        still: whether to go on trying.

    Raises:
        CtlError: there is no connection after `AGAIN_FOR` seconds, or no need of one any more.
    """
    until = time.monotonic() + AGAIN_FOR
    while True:
        try:
            return connect_or_start()
        except CtlError as error:
            if not still():
                raise CtlError(f"no kaimond could be reached yet. {error}", error.code) from None
            if time.monotonic() >= until:
                raise CtlError(
                    f"no kaimond could be reached for {AGAIN_FOR:.0f} s. {error}", error.code
                ) from None
        # A daemon that is killed during its start leaves nothing to wait for, so poll.
        time.sleep(_PAUSE)


def result(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the result that an answer contains.

    Raises:
        CtlError: it contains an error, or makes no sense.
    """
    error, found = answer.get("error"), answer.get("result")
    if isinstance(error, dict):
        raise CtlError(str(error.get("message", "kaimond refused without a word")))
    if not isinstance(found, dict):
        raise CtlError(f"kaimond's answer makes no sense. {_UNKNOWN}", ExitCode.UNKNOWN)
    return found


def _silent(seconds: float) -> CtlError:
    return CtlError(f"kaimond has not answered for {seconds:.0f} s. {_UNKNOWN}", ExitCode.UNKNOWN)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)

"""``kaimonctl``'s end of the control socket: blocking, with a deadline on everything."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self

from kaimond import __version__, runtime, wire
from kaimond.ctl.failure import CtlError, ExitCode

if TYPE_CHECKING:
    from types import TracebackType

HELLO_TIMEOUT: Final = 5.0
CALL_TIMEOUT: Final = 15.0
START_TIMEOUT: Final = 30.0
"""Seconds for a daemon to come up."""

_CHUNK: Final = 1 << 16


class Client:
    """A greeted connection to the daemon.

    Args:
        sock: connected to it.
        timeout: seconds for it to greet us.

    Attributes:
        version: the daemon's package version.
    """

    def __init__(self, sock: socket.socket, timeout: float = HELLO_TIMEOUT) -> None:
        self._sock = sock
        self._splitter = wire.LineSplitter()
        self._lines: list[bytes] = []
        self._last_id = 0
        try:
            self._send(wire.hello("ctl"), timeout)
            self.version = wire.read_welcome(self._line(time.monotonic() + timeout))
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
                f"{__version__}. To run one version: kaimonctl stop; the next start takes the "
                "installed one.\n"
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
        """Ask the daemon for something and wait for the answer.

        Raises:
            CtlError: the daemon says no, or nothing, or goes away.
        """
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        until = time.monotonic() + timeout
        self._send(wire.encode(request), timeout)
        while True:
            try:
                answer = wire.decode(self._line(until))
            except wire.WireError as error:
                raise CtlError(f"{error.message}. {_UNKNOWN}", ExitCode.UNKNOWN) from None
            if answer.get("id") == self._last_id and "method" not in answer:
                return _result(answer)

    def wait_until_closed(self, timeout: float) -> None:
        """Wait until the daemon hangs up, ``timeout`` seconds at most."""
        self._sock.settimeout(timeout)
        with contextlib.suppress(OSError):
            while self._sock.recv(_CHUNK):
                pass

    def wait_for_end(self, pid: object, timeout: float) -> None:
        """Wait until the daemon is gone, so that another one can start, or has.

        Args:
            pid: the daemon's process.
            timeout: seconds to wait at most.

        Raises:
            CtlError: it is still there.
        """
        from kaimond import launch  # noqa: PLC0415 - only `stop` needs it

        until = time.monotonic() + timeout
        self.wait_until_closed(timeout)
        directory = runtime.runtime_directory()
        while launch.daemon_is_there(directory) and _announced_pid() in {None, pid}:
            if time.monotonic() >= until:
                raise CtlError(
                    f"kaimond has not ended within {timeout:.0f} s. It may still be ending its "
                    "sessions; see `kaimonctl log`.",
                    ExitCode.UNKNOWN,
                )
            time.sleep(0.02)

    def _send(self, data: bytes, timeout: float) -> None:
        self._sock.settimeout(timeout)
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise _silent(timeout) from None
        except OSError:
            # It may have said why it does not listen.
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
    """A connection to the daemon that runs.

    Raises:
        CtlError: none runs (`ExitCode.NOT_RUNNING`), or it cannot be told.
    """
    directory = runtime.runtime_directory()
    path = os.path.join(directory, runtime.CONTROL_SOCKET)  # noqa: PTH118 - pathlib costs 5 ms
    try:
        # Only looked at: asking whether a daemon runs should leave no traces.
        if os.path.lexists(directory):
            runtime.ensure_private(directory)
        runtime.check_socket_path(path)
    except (runtime.UnsafeDirectoryError, runtime.SocketPathTooLongError) as error:
        raise CtlError(str(error), ExitCode.UNKNOWN) from None
    # A service manager that listens there would start a daemon for us, and we only ask.
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
    return Client(sock)


def _not_running() -> CtlError:
    return CtlError(
        "kaimond is not running. It starts with the first agent that needs it, with "
        "`kaimonctl start PATH`, or with `kaimond --detach`.",
        ExitCode.NOT_RUNNING,
    )


def connect_or_start() -> Client:
    """A connection to the daemon, which is started if none runs.

    Raises:
        CtlError: there is none, with the reason.
    """
    try:
        return connect()
    except CtlError as error:
        if error.code is not ExitCode.NOT_RUNNING:
            raise
    from kaimond import launch  # noqa: PLC0415 - not needed while a daemon runs

    verdict = launch.start(runtime.runtime_directory(), START_TIMEOUT)
    if not verdict.sock:
        raise CtlError(
            f"{verdict.reason} Nothing was done. Run `kaimond` to see it in your terminal.",
            ExitCode.NOT_RUNNING,
        )
    # Where a service manager listens, the daemon starts only now.
    return Client(verdict.sock, START_TIMEOUT)


def _announced_pid() -> object:
    from kaimond import paths  # noqa: PLC0415 - only `stop` needs it

    file = paths.resolve().pid_file
    try:
        return json.loads(file.read_text(encoding="utf-8")).get("pid")
    except (OSError, ValueError, AttributeError):
        return None


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    error, result = answer.get("error"), answer.get("result")
    if isinstance(error, dict):
        raise CtlError(str(error.get("message", "kaimond refused without a word")))
    if not isinstance(result, dict):
        raise CtlError(f"kaimond's answer makes no sense. {_UNKNOWN}", ExitCode.UNKNOWN)
    return result


def _silent(seconds: float) -> CtlError:
    return CtlError(f"kaimond has not answered for {seconds:.0f} s. {_UNKNOWN}", ExitCode.UNKNOWN)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)

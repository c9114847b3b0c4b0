"""The shim's way to the daemon: find it, have it started, greet it, lose it, and begin again.

A `DaemonLink` never blocks. `DaemonLink.tick` does what is due; between two calls the pump serves
the client.
"""

from __future__ import annotations

import os

from kaimond import runtime, wire

# The public module adds a fifth to the shim's start, for enums that nobody needs here (1.37 instead
# of 1.17 times a bare relay in benchmarks/shim_start.py). What it wraps is the same class.
try:
    from _socket import AF_UNIX, SOCK_STREAM, socket
except ImportError:
    from socket import AF_UNIX, SOCK_STREAM, socket  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from kaimond import start_daemon

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
GREETING_LIMIT: Final = 10.0
"""Seconds for the daemon to answer the hello."""

REFUSED_PAUSE: Final = 5.0
LAUNCH_DELAY: Final = 0.5
"""Seconds that a lost daemon gets to come back by itself (upgrade, service manager)."""

RELAUNCH_PAUSE: Final = 5.0
"""Seconds between a failed start and the next one that a request asks for."""

RELAUNCH_ALONE: Final = 30.0
"""Seconds between a failed start and the next one that nobody asks for."""

NEVER: Final = float("inf")


class DaemonLink:
    """One client's connection to the daemon.

    Attributes:
        sock: the connection, non-blocking; None if there is none.
        up: whether the daemon has welcomed us on it.
        problem: why there will be no connection soon; empty while there is hope.
        doing: what is being waited for, as a clause.
    """

    def __init__(self, directory: str, agent: str) -> None:
        self.sock: socket | None = None
        self.up = False
        self.problem = ""
        self.doing = "it is not running"
        self._directory = directory
        self._path = os.path.join(directory, runtime.CONTROL_SOCKET)
        self._agent = agent
        self._protocol = wire.PROTOCOL
        self._due = 0.0
        self._pause = FIRST_PAUSE
        self._starter: start_daemon.Starter | None = None
        self._launch_from = 0.0
        self._launch_alone = NEVER
        self._lost = False

    def due(self, wanted: bool) -> float:
        """When `tick` should be called next, on the monotonic clock.

        Args:
            wanted: as for `tick`.
        """
        if self.up:
            return NEVER
        if self.sock or self._starter:
            return self._due
        launch_at = self._launch_from if wanted else self._launch_alone
        return min(self._due, launch_at)

    def tick(self, now: float, wanted: bool) -> bool:
        """Do what is due.

        Args:
            now: the monotonic clock.
            wanted: whether a client waits for a daemon, so that one may be started.

        Returns:
            Whether there is a new connection; it wants a `hello` now.
        """
        if self.up:
            return False
        if self.sock:
            if now >= self._due:
                self.lose(now)
            return False
        if not self._starter and now >= (self._launch_from if wanted else self._launch_alone):
            self._begin_start(now)
        if now < self._due:
            return False
        if self._starter:
            self._continue_start(now, self._starter)
        elif wanted or not self._only_a_socket():
            self._try(now)
        else:
            self._wait(now)
        return self.sock is not None

    def hello(self, replay: Sequence[str | int], cancelled: Sequence[str | int]) -> bytes:
        """The first line for a new connection (see `kaimond.wire.hello`)."""
        return wire.hello(
            "mcp", protocol=self._protocol, agent=self._agent, replay=replay, cancelled=cancelled
        )

    def welcomed(self, line: bytes, now: float) -> bool:
        """Take the daemon's answer to the hello; return whether the connection is up now."""
        try:
            wire.read_welcome(line, "mcp")
        except wire.WireError as error:
            self._close()
            common = error.common if isinstance(error, wire.SkewError) else 0
            if common and common != self._protocol:
                self._protocol = common
                self._due = now
                return False
            self._protocol = wire.PROTOCOL
            self.problem = error.message
            self._due = now + REFUSED_PAUSE
            self._launch_from = self._launch_alone = NEVER
            return False
        self.up = True
        self.problem = ""
        self._pause = FIRST_PAUSE
        return True

    def lose(self, now: float) -> None:
        """Give the connection up and look for another one."""
        was_up = self.up
        self._close()
        # The next daemon may be another version.
        self._protocol = wire.PROTOCOL
        self._lost = True
        self.doing = (
            "it has ended the connection and not come back"
            if was_up
            else "it accepts connections but does not answer"
        )
        self._launch_from = now + LAUNCH_DELAY
        self._launch_alone = NEVER
        self._wait(now)

    def close(self) -> None:
        """Let go of everything."""
        self._close()
        if self._starter:
            self._starter.close()
            self._starter = None

    def _close(self) -> None:
        if self.sock:
            self.sock.close()
        self.sock = None
        self.up = False

    def _wait(self, now: float) -> None:
        self._due = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _only_a_socket(self) -> bool:
        """Whether the daemon that we had is gone, though a service manager may listen in its place.

        It would start a daemon for us, and that is for whoever wants one.
        """
        return self._lost and runtime.nobody_answers(self._directory)

    def _try(self, now: float) -> None:
        try:
            # A directory that others can enter may hold somebody else's socket.
            runtime.ensure_private(self._directory)
            runtime.check_socket_path(self._path)
        except (runtime.UnsafeDirectoryError, runtime.SocketPathTooLongError) as error:
            self._give_up(now, str(error))
            return
        sock = socket(AF_UNIX, SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            self._wait(now)
            if self._launch_from == NEVER:
                # Whoever refused us is gone.
                self._launch_from = now
            return
        self._take(sock, now)

    def _begin_start(self, now: float) -> None:
        from kaimond import start_daemon  # noqa: PLC0415 - costs more than the rest of the shim

        self._starter = start_daemon.Starter(self._directory)
        self._launch_alone = NEVER
        self.doing = "it is being started"
        self._due = now

    def _continue_start(self, now: float, starter: start_daemon.Starter) -> None:
        verdict = starter.step()
        if not verdict:
            self._due = now + starter.pause
            return
        self._starter = None
        if verdict.sock:
            self._take(verdict.sock, now)
        else:
            self._give_up(now, verdict.reason)

    def _take(self, sock: socket, now: float) -> None:
        self.sock = sock
        self.doing = "it does not answer"
        self._due = now + GREETING_LIMIT

    def _give_up(self, now: float, problem: str) -> None:
        self.problem = problem
        self._pause = LONGEST_PAUSE
        self._due = now + LONGEST_PAUSE
        self._launch_from = now + RELAUNCH_PAUSE
        self._launch_alone = now + RELAUNCH_ALONE

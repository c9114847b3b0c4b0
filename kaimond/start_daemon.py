"""Starting the daemon once, however many clients ask for it at the same moment.

Every client that finds no daemon makes a `Starter` and calls its `step` again and again until there
is a verdict. Whoever gets the start lock runs the daemon; the others only watch for the socket. The
lock is released when its holder has its verdict or dies, and a client that waited for it reads in
the start log whether the attempt it waited for has failed, so that a daemon that cannot start is
tried once and not once per client.

Where the user has installed kaimond as a service, its manager is asked first, so that it looks
after the daemon. What it cannot start is tried directly, which at least tells the reason.

Nothing here blocks, because the shim goes on serving its client meanwhile; `start` is the same for
callers that want to wait. Imported only when the socket does not answer.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from enum import Enum

from kaimond import runtime
from kaimond.service_manager import service_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

FIRST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.1
DETACHED_LIMIT: Final = 15.0
"""Seconds for a daemon that has detached to open its socket."""

GRACE: Final = 1.0
"""Seconds to wait for a socket after our daemon failed: another one may be the reason for that."""

OTHER_LIMIT: Final = 15.0
"""Seconds to wait for that other one while it holds its lock, as on a machine under load."""

REAP_LIMIT: Final = 1.0
"""Seconds for our child to end once its socket is there: what detaches leaves no zombie then."""

ENDING_LIMIT: Final = 15.0
"""Seconds to wait for a daemon that has closed its socket but not ended yet."""

_ENDED = "kaimond ended with exit code "
_TAIL_LINES = 6
_TAIL_BYTES = 4096


class Verdict:
    """How a start came out.

    Attributes:
        sock: connected to the daemon, non-blocking; None if there is no daemon.
        reason: sentences for people if there is none.
        code: exit code of the daemon that did not start, if that is known.
    """

    __slots__ = ("code", "reason", "sock")

    def __init__(
        self, sock: socket.socket | None = None, reason: str = "", code: int | None = None
    ) -> None:
        self.sock = sock
        self.reason = reason
        self.code = code


def daemon_command() -> list[str]:
    """The command that starts the daemon in the background.

    ``-P`` keeps the current directory off the import path: it is the user's project and may hold a
    ``select.py``.
    """
    return [sys.executable, "-P", "-m", "kaimond.daemon", "--detach"]


def commands(directory: str) -> list[list[str]]:
    """What starts the daemon: each is tried if the one before it has failed."""
    managed = service_state.start_command(directory, environ=os.environ, uid=os.getuid())
    return [*([managed] if managed else []), daemon_command()]


def connect(path: str) -> socket.socket | None:
    """A non-blocking connection to the socket at ``path``, or None if nobody listens there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return sock


def daemon_is_there(directory: str) -> bool:
    """Whether a daemon holds its lock: it listens, or it will soon, or it is still ending."""
    return bool(runtime.daemon_lock_held(directory))


class Phase(Enum):
    """Where one client's part in a start is."""

    WAITING = "waiting"
    """Another client may be starting the daemon: this one waits for the start lock."""
    LOCKED = "locked"
    """It has the lock. A daemon that is still ending is waited for."""
    RUNNING = "running"
    """The command that starts the daemon runs."""
    ENDED = "ended"
    """That command has ended: the daemon is in the background, or the start has failed."""
    CONNECTED = "connected"
    """The socket is open; the command gets a moment to end."""


TRANSITIONS: Final = {
    Phase.WAITING: {Phase.LOCKED, Phase.CONNECTED},
    Phase.LOCKED: {Phase.RUNNING, Phase.CONNECTED},
    Phase.RUNNING: {Phase.ENDED, Phase.CONNECTED},
    # Of several commands the next one is tried when one has failed.
    Phase.ENDED: {Phase.RUNNING, Phase.CONNECTED},
    Phase.CONNECTED: set(),
}
"""The phases that may follow each phase; a verdict may come in any of them."""


class Starter:
    """One client's part in starting the daemon.

    Attributes:
        pause: seconds until the next `step` makes sense.
        phase: where it is.
    """

    def __init__(self, directory: str, command: Sequence[str] | None = None) -> None:
        self.pause = FIRST_PAUSE
        self.phase = Phase.WAITING
        self._directory = directory
        self._commands = [list(command)] if command else commands(directory)
        self._last: list[str] = []
        self._socket_path = os.path.join(directory, runtime.CONTROL_SOCKET)
        self._log_path = os.path.join(directory, runtime.START_LOG)
        self._since = time.time()
        self._until = 0.0
        self._other_until = 0.0
        self._met_other = False
        self._lock = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None

    def step(self) -> Verdict | None:
        """Do what can be done now; return the verdict once there is one."""
        try:
            verdict = self._step()
        except (runtime.UnsafeDirectoryError, runtime.SocketPathTooLongError) as error:
            verdict = Verdict(reason=str(error))
        except OSError as error:
            verdict = Verdict(
                reason=f"kaimond could not be started: {error}. No daemon is running."
            )
        if verdict:
            self.close()
        else:
            self.pause = min(self.pause * 1.5, LONGEST_PAUSE)
        return verdict

    def close(self) -> None:
        """Let others try. A daemon that is starting goes on."""
        if self._sock:
            self._sock.close()
            self._sock = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _step(self) -> Verdict | None:
        if self.phase is not Phase.CONNECTED:
            runtime.ensure_private(self._directory)
            runtime.check_socket_path(self._socket_path)
            self._sock = connect(self._socket_path)
            if self._sock:
                self._enter(Phase.CONNECTED, REAP_LIMIT)
        return {
            Phase.WAITING: self._waiting,
            Phase.LOCKED: self._locked,
            Phase.RUNNING: self._running,
            Phase.ENDED: self._ended,
            Phase.CONNECTED: self._connected,
        }[self.phase]()

    def _enter(self, phase: Phase, limit: float = 0.0) -> None:
        """Go on to a phase that may last ``limit`` seconds."""
        assert phase in TRANSITIONS[self.phase], f"{self.phase} -> {phase}"
        self.phase = phase
        self._until = time.monotonic() + limit

    def _waiting(self) -> Verdict | None:
        if not self._take_lock():
            return None
        self._enter(Phase.LOCKED, ENDING_LIMIT)
        # Whoever held the lock before may have succeeded between the look and the lock.
        sock = connect(self._socket_path)
        if sock:
            return Verdict(sock)
        return self._failed_meanwhile() or self._locked()

    def _locked(self) -> Verdict | None:
        if time.monotonic() >= self._until or not daemon_is_there(self._directory):
            self._start()
        return None

    def _start(self) -> None:
        self._process = self._spawn()
        self._enter(Phase.RUNNING)

    def _running(self) -> Verdict | None:
        code = self._process.poll() if self._process else None
        if code is not None:
            self._enter(Phase.ENDED, GRACE if code else DETACHED_LIMIT)
            self._other_until = self._other_until or time.monotonic() + OTHER_LIMIT
        return None

    def _ended(self) -> Verdict | None:
        now = time.monotonic()
        if now < self._until:
            return None
        code = self._process.poll() if self._process else None
        if not code:
            said = _tail(self._log_path)
            return Verdict(
                reason=f"kaimond went into the background but has not opened {self._socket_path} "
                f"for {DETACHED_LIMIT:.0f} s." + (f" It said: {said}" if said else "")
            )
        if now < self._other_until and self._waits_for_other():
            return None
        if self._commands:
            self._start()
            return None
        with open(self._log_path, "ab") as log:
            log.write(f"\n{_ENDED}{code}\n".encode())
        return self._failure(code)

    def _connected(self) -> Verdict | None:
        runs = self._process and self._process.poll() is None
        if runs and time.monotonic() < self._until:
            return None
        sock, self._sock = self._sock, None
        return Verdict(sock)

    def _take_lock(self) -> bool:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(os.path.join(self._directory, runtime.START_LOCK), flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        return True

    def _spawn(self) -> subprocess.Popen[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        log = os.open(self._log_path, flags, 0o600)
        # A client inside a session carries the mark by which the session's processes are ended.
        env = {name: value for name, value in os.environ.items() if name != "KAIMON_SESSION"}
        self._last = self._commands.pop(0)
        try:
            return subprocess.Popen(
                self._last,
                env=service_state.manager_environment(env, os.getuid()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError:
            if not self._commands:
                raise
            return self._spawn()
        finally:
            os.close(log)

    def _waits_for_other(self) -> bool:
        """Whether another daemon is on its way, up or down; behind one that ends, ours tries again.

        Ours has failed, and that one may be the reason.
        """
        if daemon_is_there(self._directory):
            self._met_other = True
        elif self._met_other:
            self._met_other = False
            self._commands.insert(0, self._last)
            return False
        return self._met_other

    def _failed_meanwhile(self) -> Verdict | None:
        """The failure of the attempt that this client waited for, if it has failed."""
        try:
            if os.stat(self._log_path).st_mtime < self._since:
                return None
        except FileNotFoundError:
            return None
        last = _read_end(self._log_path).rstrip().rsplit("\n", 1)[-1]
        code = last.removeprefix(_ENDED)
        if code == last or not code.lstrip("-").isdigit():
            return None
        return self._failure(int(code))

    def _failure(self, code: int) -> Verdict:
        said = _tail(self._log_path)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Verdict(
            reason=f"kaimond did not start ({how}). "
            + (f"It said: {said}" if said else "It said nothing."),
            code=code,
        )


def start(directory: str, timeout: float, command: Sequence[str] | None = None) -> Verdict:
    """Have a daemon running, and wait for that.

    Args:
        directory: the runtime directory.
        timeout: seconds to wait at most.
        command: what to run instead of `commands`.
    """
    starter = Starter(directory, command)
    until = time.monotonic() + timeout
    try:
        while True:
            verdict = starter.step()
            if verdict:
                return verdict
            if time.monotonic() >= until:
                return Verdict(reason=f"kaimond has not opened its socket for {timeout:.0f} s.")
            # That somebody listens at a path is told by trying, and by nothing else that the
            # standard library has for both systems.
            time.sleep(starter.pause)
    finally:
        starter.close()


def _read_end(path: str) -> str:
    with open(path, "rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _TAIL_BYTES))
        return log.read().decode(errors="replace")


def _tail(path: str) -> str:
    """The last lines that the daemon wrote, as one line without control characters."""
    try:
        lines = _read_end(path).splitlines()
    except OSError:
        return ""
    kept = [line.strip() for line in lines if line.strip() and not line.startswith(_ENDED)]
    text = " / ".join(kept[-_TAIL_LINES:])
    return "".join(character if character.isprintable() else "?" for character in text)

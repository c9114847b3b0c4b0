"""A scripted daemon and a client that speaks to a real ``kaimon-mcp`` process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import runtime, start_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STUB = Path(__file__).with_name("stub_daemon.py")
SHIM = [sys.executable, "-c", "import sys; from kaimond.shim import main; sys.exit(main())"]


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


class Daemon:
    """The stub daemon's socket, process and journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "kaimond.sock"
        self.journal = directory / "journal"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *refusal: str) -> list[str]:
        return [sys.executable, str(STUB), str(self.path), str(self.journal), *refusal]

    def start(self, *refusal: str) -> None:
        self.spawn(*refusal)
        wait_for(self.answers)

    def spawn(self, *refusal: str) -> None:
        """Start without a look at its socket: a waiting call may kill it before anyone looks."""
        self.process = subprocess.Popen(self.command(*refusal))

    def answers(self) -> bool:
        sock = start_daemon.connect(str(self.path))
        if sock:
            sock.close()
        return sock is not None

    def wait_heard(self, **like: Any) -> None:
        wait_for(lambda: self.heard(**like))

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def heard(self, **like: Any) -> list[dict[str, Any]]:
        """Messages that arrived and have these members."""
        if not self.journal.exists():
            return []
        found = []
        for line in self.journal.read_text().splitlines():
            with contextlib.suppress(ValueError):
                message = json.loads(line)[2]
                if all(message.get(key) == value for key, value in like.items()):
                    found.append(message)
        return found


class Client:
    """An MCP client without any protocol knowledge: lines in, lines out."""

    def __init__(self, directory: Path, *, read: bool = True, first: str = "") -> None:
        environ = {**os.environ, "KAIMON_RUNTIME_DIR": str(directory)}
        self.process = subprocess.Popen(
            [*SHIM[:2], f"{first}\n{SHIM[2]}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
        )
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._read_errors)]
        if read:
            self._threads.append(threading.Thread(target=self._read))
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line.decode())

    def read_now(self) -> None:
        thread = threading.Thread(target=self._read)
        self._threads.append(thread)
        thread.start()

    def send_raw(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **message: Any) -> None:
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def call(self, ident: int | str, **arguments: Any) -> None:
        params = {"name": "ex", "arguments": arguments}
        self.send(id=ident, method="tools/call", params=params)

    def receive(self, seconds: float = 30) -> dict[str, Any]:
        return self.lines.get(timeout=seconds)

    def answer(self, ident: int | str, seconds: float = 30) -> dict[str, Any]:
        """The answer to ``ident``; notifications before it are passed over."""
        while True:
            message = self.receive(seconds)
            if "method" not in message:
                assert message["id"] == ident, message
                return message

    def initialise(self) -> dict[str, Any]:
        info = {"name": "test", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        self.send(id="init", method="initialize", params=params)
        answer = self.answer("init")
        self.send(method="notifications/initialized")
        return answer

    def hang_up(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            with contextlib.suppress(OSError):
                stream.close()


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def daemon(directory: Path) -> Iterator[Daemon]:
    stub = Daemon(directory)
    # Who holds this lock is starting a daemon, so no shim of the test starts the real one.
    with (directory / runtime.START_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield stub
    stub.kill()


@pytest.fixture
def clients(directory: Path) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**options: Any) -> Client:
        client = Client(directory, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()

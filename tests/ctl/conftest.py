"""``kaimonctl`` in a home of its own, with a daemon by script if the test wants one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import __version__, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CTL = [sys.executable, "-c", "import sys; from kaimond.ctl import main; sys.exit(main())"]


class Home:
    """A temporary home, and the way to run the program in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runtime = path / "run"
        self.environ = {
            "HOME": str(path),
            "PATH": os.environ["PATH"],
            "KAIMON_RUNTIME_DIR": str(self.runtime),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def popen(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*CTL, *arguments],
            env=self.environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def ctl(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.popen(*arguments, **options)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Stub:
    """A daemon in a thread that gives each method the answer that the test has put there.

    An answer is a result, an exception's text, or a function of the socket.
    """

    def __init__(self, home: Home) -> None:
        home.runtime.mkdir(mode=0o700)
        self.welcome: bytes = wire.encode({"kaimon": 1, "version": __version__, "ok": True})
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home.runtime / "kaimond.sock"))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), peer, peer.makefile("rb") as lines:
                hello = json.loads(lines.readline() or "{}")
                if not hello:
                    return
                assert hello["role"] == "ctl"
                peer.sendall(self.welcome)
                self._peer = peer
                for line in lines:
                    self._answer(peer, json.loads(line))

    def _answer(self, peer: socket.socket, request: dict[str, Any]) -> None:
        self.asked.append(request)
        answer = self.answers.get(request["method"])
        if callable(answer):
            answer(peer)
            return
        body: dict[str, Any] = {"result": answer}
        if isinstance(answer, str):
            body = {"error": {"code": -32000, "message": answer, "data": {"kind": "test"}}}
        peer.sendall(wire.encode({"jsonrpc": "2.0", "id": request["id"], **body}))

    def hang_up(self) -> None:
        self._peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # Only a connection wakes the thread up, on every system.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(self._listener.getsockname())
        self._thread.join()
        self._listener.close()


@pytest.fixture
def home() -> Iterator[Home]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield Home(made)
    shutil.rmtree(made)


@pytest.fixture
def stub(home: Home) -> Iterator[Stub]:
    made = Stub(home)
    yield made
    made.close()


@pytest.fixture
def silent_socket(home: Home) -> Iterator[Callable[[], None]]:
    """Call it to have a socket there on which nobody says a word."""
    with socket.socket(socket.AF_UNIX) as listener:

        def make() -> None:
            home.runtime.mkdir(mode=0o700)
            listener.bind(str(home.runtime / "kaimond.sock"))
            listener.listen(8)

        yield make

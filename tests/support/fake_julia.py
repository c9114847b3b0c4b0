"""A program that pretends to be Julia and speaks the gate's protocol, for very long runs.

It evaluates nothing: ``hang`` runs until it is interrupted, ``exit N`` ends the process, and
anything else is done at once. What depends on real Julia is tested with real Julia.

The file named by FAKE_GATE_FAULT, if it exists, selects a fault: ``exits`` at its start, stays
``silent``, sends a wrong ``nonce``, ``refuses`` to restart, or is ``deaf`` to restarts.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def script(path: Path, setting: str = "") -> Path:
    """Write a launcher that can replace `julia`; ``setting`` sets variables for it."""
    path.write_text(f'#!/bin/sh\n{setting}exec {sys.executable} {__file__} "$@"\n')
    path.chmod(0o755)
    return path


def main() -> None:
    if "--version" in sys.argv:
        print("julia version 1.9.0")
        return
    if fault() == "exits":
        print("cannot start: a library is missing", flush=True)
        sys.exit(3)
    import zmq

    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.linger = 0
    endpoint = os.environ["KAIMON_ENDPOINT"]
    Path(endpoint).unlink(missing_ok=True)
    socket.bind(f"ipc://{endpoint}")
    gate = Gate(socket)
    while True:
        gate.answer(*socket.recv_multipart())


def fault() -> str:
    """Return the currently selected fault, or ""."""
    file = Path(os.environ.get("FAKE_GATE_FAULT", os.devnull))
    return file.read_text() if file.is_file() else ""


class Gate:
    """An imitation of the gate."""

    def __init__(self, socket: object) -> None:
        self.socket = socket
        self.boot = secrets.token_hex(16)
        self.running = b""
        self.results: dict[bytes, list[bytes]] = {}

    def send(self, peer: bytes, *frames: bytes | str) -> None:
        encoded = [frame.encode() if isinstance(frame, str) else frame for frame in frames]
        self.socket.send_multipart([peer, *encoded])  # type: ignore[attr-defined]

    def answer(self, peer: bytes, request: bytes, verb: bytes, *rest: bytes) -> None:
        fields = dict(zip(rest[::2], rest[1::2], strict=True))
        if fault() == "silent":
            return
        if verb == b"ping":
            protocol = os.environ.get("FAKE_GATE_PROTOCOL", "1")
            nonce = "another" if fault() == "nonce" else os.environ["KAIMON_NONCE"]
            pong = ["boot", self.boot, "nonce", nonce, "protocol", protocol]
            self.send(peer, request, "pong", *pong, "julia", "1.9.0", "pwd", str(Path.cwd()))
        elif verb == b"eval":
            self.send(peer, request, "accepted")
            self.evaluate(peer, request, fields[b"code"].decode())
        elif verb == b"result":
            self.tell(peer, request, fields[b"eval"])
        elif verb == b"ack":
            self.results.pop(fields[b"eval"], None)
        elif verb == b"interrupt":
            self.interrupt(peer, request, fields[b"eval"])
        elif verb == b"restart":
            self.restart(peer, request, rest)
        elif verb == b"exit":
            self.send(peer, request, "bye")
            sys.exit(0)

    def tell(self, peer: bytes, request: bytes, wanted: bytes) -> None:
        if wanted in self.results:
            self.send(peer, wanted, *self.results[wanted])
        else:
            word = "pending" if wanted == self.running else "unknown"
            self.send(peer, request, word, "eval", wanted)

    def interrupt(self, peer: bytes, request: bytes, wanted: bytes) -> None:
        mine = wanted == self.running
        if mine:
            self.finish(peer, self.running, "interrupted")
        self.send(peer, request, "interrupt", "outcome", "thrown" if mine else "not-running")

    def restart(self, peer: bytes, request: bytes, rest: tuple[bytes, ...]) -> None:
        if fault() == "refuses":
            self.send(peer, request, "failed", "reason", "a thread holds the lock")
        elif fault() != "deaf":
            fields = list(zip(rest[::2], rest[1::2], strict=True))
            os.environ["KAIMON_NONCE"] = dict(fields)[b"nonce"].decode()
            words = [value for name, value in fields if name == b"arg"]
            os.execv(words[0], words)

    def evaluate(self, peer: bytes, request: bytes, code: str) -> None:
        if code == "hang":
            self.running = request
        elif code.startswith("exit"):
            os._exit(int(code.split()[1]))
        else:
            self.finish(peer, request, "ok")

    def finish(self, peer: bytes, request: bytes, status: str) -> None:
        self.running = b""
        frames = [b"result", b"status", status.encode(), b"elapsed", b"0.0", b"output", b"0"]
        self.results[request] = frames
        self.send(peer, request, *frames)


if __name__ == "__main__":
    main()

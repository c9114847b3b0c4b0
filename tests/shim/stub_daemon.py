"""A daemon by script: answers as told by the requests, and writes down what it was told.

Run as ``stub_daemon.py SOCKET JOURNAL [REFUSAL]``; the refusal ``-silent-`` is no answer at all.
Each line that arrives goes to the journal as ``[pid, connection, message]``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import sys
import threading
import time
from typing import Any

_connections = itertools.count()
_lock = threading.Lock()


def main() -> None:
    path, journal, *refusal = sys.argv[1:]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - a script that starts in no time
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        peer, _ = listener.accept()
        arguments = (peer, journal, refusal[0] if refusal else "")
        threading.Thread(target=serve, args=arguments, daemon=True).start()


def serve(peer: socket.socket, journal: str, refusal: str) -> None:
    number = next(_connections)
    with contextlib.suppress(OSError), peer, peer.makefile("rwb") as stream:
        for line in stream:
            message = json.loads(line)
            note(journal, number, message)
            if "kaimon" in message:
                if refusal == "-silent-":
                    continue
                welcome: dict[str, Any] = {"kaimon": 1, "version": "0.0.0", "ok": not refusal}
                if refusal:
                    welcome["error"] = {"code": "protocol", "message": refusal}
                send(stream, welcome)
                if refusal:
                    return
            elif "id" in message:
                threading.Thread(target=answer, args=(stream, message), daemon=True).start()


def note(journal: str, number: int, message: Any) -> None:
    short = json.dumps([os.getpid(), number, message])[:20_000] + "\n"
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, short.encode())
    os.close(descriptor)


def answer(stream: Any, message: dict[str, Any]) -> None:
    arguments = message.get("params", {}).get("arguments", {})
    if arguments.get("die"):
        os._exit(9)
    if arguments.get("hang"):
        return
    time.sleep(arguments.get("seconds", 0))
    text = "x" * arguments.get("size", 0) or f"{os.getpid()}"
    with contextlib.suppress(OSError, ValueError):
        send(stream, {"jsonrpc": "2.0", "id": message["id"], "result": {"text": text}})


def send(stream: Any, message: dict[str, Any]) -> None:
    with _lock:
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()


if __name__ == "__main__":
    main()

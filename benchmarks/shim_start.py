"""What ``kaimon-mcp`` adds to the start of an MCP client's server.

Measures from spawn until ``initialize`` is answered, for the real shim and for a bare relay that
does nothing but say hello and copy bytes, in turns against one daemon socket. Run it as
``python benchmarks/shim_start.py [--rounds N] [--runtime-dir DIR]``; without a directory a stub
daemon that answers at once is used, so that only the shim's own share is seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kaimond import runtime

RELAY = """
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"kaimon":1,"version":"0","role":"mcp","pid":%d,"agent":"%s"}\\n'
          % (os.getpid(), os.urandom(8).hex().encode()))
welcome = b""
while not welcome.endswith(b"\\n"):
    welcome += s.recv(1)
while True:
    ready = select.select([0, s], [], [])[0]
    if s in ready:
        data = s.recv(65536)
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            break
        s.sendall(data)
"""

INITIALIZE = (
    json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "benchmark", "version": "1"},
            },
        }
    )
    + "\n"
).encode()

STUB = """
import json, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
print("ready", flush=True)
def serve(peer):
    stream = peer.makefile("rwb")
    stream.readline()
    stream.write(b'{"kaimon":1,"version":"0","ok":true}\\n')
    stream.flush()
    for line in stream:
        reply = {"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {}}
        stream.write(json.dumps(reply).encode() + b"\\n")
        stream.flush()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def measure(command: list[str], environ: dict[str, str]) -> float:
    """Return the seconds from spawn to the answer to ``initialize``."""
    begin = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        elapsed = time.perf_counter() - begin
        assert "result" in answer, answer
        process.stdin.close()
    return elapsed


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--runtime-dir", help="use the daemon that listens there")
    parser.add_argument("--limit", type=float, help="fail if the ratio of medians is above this")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    directory = options.runtime_dir or str(scratch)
    path = str(Path(directory) / runtime.CONTROL_SOCKET)
    stub = None
    try:
        relay = scratch / "relay.py"
        relay.write_text(RELAY)
        if not options.runtime_dir:
            stub = subprocess.Popen([sys.executable, "-c", STUB, path], stdout=subprocess.PIPE)
            assert stub.stdout
            stub.stdout.readline()
        return report(options.rounds, directory, [str(relay), path], options.limit)
    finally:
        if stub:
            stub.kill()
            stub.wait()
        shutil.rmtree(scratch)


def report(rounds: int, directory: str, relay: list[str], limit: float | None) -> int:
    environ = {**os.environ, "KAIMON_RUNTIME_DIR": directory}
    # An installed package has its bytecode; the uncounted first rounds write it here.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    shim = Path(sys.executable).parent / "kaimon-mcp"
    commands = {"kaimon-mcp": [str(shim)], "bare relay": [sys.executable, *relay]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 3):
        for name, command in commands.items():
            elapsed = measure(command, environ)
            if turn >= 3:
                times[name].append(elapsed)
    print(f"spawn to `initialize` answered, {rounds} rounds in turns, milliseconds")
    print(f"{'':12} {'min':>7} {'median':>7} {'p99':>7}")
    for name, values in times.items():
        row = (min(values), statistics.median(values), percentile(values, 0.99))
        print(f"{name:12} " + " ".join(f"{value * 1e3:7.2f}" for value in row))
    ours, theirs = times["kaimon-mcp"], times["bare relay"]
    medians = statistics.median(ours) / statistics.median(theirs)
    print(f"ratio of medians {medians:.2f}, of minima {min(ours) / min(theirs):.2f}")
    return 1 if limit and medians > limit else 0


if __name__ == "__main__":
    sys.exit(main())

"""Drives boot.jl as a real process, the way the daemon does, with plain pyzmq."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import private_depot
import zmq

from kaimond import platform
from kaimond.interrupts.interrupt import may_force
from kaimond.julia_process import code_location
from kaimond.julia_process.signal_lock import SignalLock
from tests.support import precompiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKOUT = Path(__file__).parents[2]
BOOT = CHECKOUT / "kaimond" / "julia" / "Kaimon" / "boot.jl"
SESSION = "0badcafe"
READY_SECONDS = 60.0
REPLY_SECONDS = 30.0
LOOK_SECONDS = 1.0
"""How long a reply is waited for before it is looked whether the process is still there."""
LAST_WORDS_SECONDS = 0.2
CRASH_BYTES = 4000

SPACING = 0.35
FORCING_SPACING = 0.02

Value = str | bytes | int | Path


def find_libzmq() -> str:
    """Return the path of the libzmq that pyzmq loaded into this process."""
    package = Path(zmq.__file__).parent
    for folder in (package.parent / "pyzmq.libs", package / ".dylibs"):
        for path in sorted(folder.glob("libzmq*")):
            return str(path)
    raise FileNotFoundError("pyzmq brought no libzmq of its own")


@dataclass(frozen=True)
class Reply:
    """One message of the gate."""

    verb: str
    fields: list[tuple[str, bytes]]

    @classmethod
    def parse(cls, frames: list[bytes]) -> Self:
        names = [name.decode() for name in frames[1::2]]
        return cls(frames[0].decode(), list(zip(names, frames[2::2], strict=True)))

    def raw(self, name: str) -> bytes:
        """Return the first value called `name`; KeyError names what there is instead."""
        for found, value in self.fields:
            if found == name:
                return value
        raise KeyError(f"{name} is not in {self}")

    def text(self, name: str) -> str:
        return self.raw(name).decode()

    def names(self) -> list[str]:
        return [name for name, _ in self.fields]


@dataclass(frozen=True)
class Outcome:
    """What became of one evaluation: the reply, and what its spool file held at that moment."""

    reply: Reply
    spooled: bytes

    @property
    def status(self) -> str:
        return self.reply.text("status")

    @property
    def value(self) -> str | None:
        return self.reply.text("value:text/plain") if self.shows("value:text/plain") else None

    @property
    def error(self) -> str:
        return self.reply.text("error")

    @property
    def output(self) -> bytes:
        """The output up to the result, as its length tells."""
        return self.spooled[: int(self.reply.text("output"))]

    def shows(self, name: str) -> bool:
        return name in self.reply.names()


@dataclass
class GateProcess:
    """A session: a Julia process that runs boot.jl, and a DEALER socket to its gate.

    Leaving the context kills the process and removes its directory.
    """

    julia: Path
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    program: Path = BOOT
    project_files: Mapping[str, str] = field(default_factory=dict)
    project_copy: Path | None = None

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp")).resolve()
        self.project = self.home / "project"
        if self.project_copy:
            shutil.copytree(self.project_copy, self.project)
        else:
            self.project.mkdir()
        for name, text in self.project_files.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.endpoint = self.home / "g"
        self.log_path = self.home / "log"
        self.nonce = os.urandom(8).hex()
        self._replies: dict[bytes, list[Reply]] = {}
        self._ids = (f"{number:08x}" for number in itertools.count(1))
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        try:
            self._spawn()
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "process"):
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        self._context.destroy(linger=0)
        shutil.rmtree(self.home)

    def _spawn(self) -> None:
        self.argv = [
            str(self.julia),
            "--startup-file=no",
            *self.flags,
            f"--project={self.project}",
            str(self.program),
        ]
        environment = {
            **os.environ,
            "JULIA_DEPOT_PATH": private_depot.path(self.home / "depot", self.julia),
            "JULIA_PKG_SERVER": "",
            "KAIMON_LIBZMQ": find_libzmq(),
            "KAIMON_ENDPOINT": str(self.endpoint),
            "KAIMON_SESSION": SESSION,
            "KAIMON_NONCE": self.nonce,
            "KAIMON_LOG": str(self.log_path),
            **precompiled.variables(self.julia),
            **self.environment,
        }
        self.started = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                cwd=self.project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def connect(self) -> None:
        """Connect anew, as another daemon would; what was under way to the old one is lost."""
        self.socket.close(linger=0)
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.reconnect_ivl = 10
        self.socket.connect(f"ipc://{self.endpoint}")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def told(self) -> str:
        """What is known of the process, for the message of a failed test.

        What Julia says of a crash goes where output goes at that moment: to the evaluation's spool.
        """
        last = max(self.home.glob("spool-*"), key=lambda path: path.stat().st_mtime, default=None)
        output = _read(last)[-CRASH_BYTES:].decode(errors="replace") if last else ""
        return f"exit code {self.process.poll()}; log:\n{self.log}\nlast output:\n{output}"

    def new_id(self) -> str:
        return next(self._ids)

    def send(self, verb: str, *fields: tuple[str, Value], request_id: str | None = None) -> str:
        """Send a request; returns its id."""
        request_id = request_id or self.new_id()
        frames = [request_id.encode(), verb.encode()]
        for name, value in fields:
            frames += [name.encode(), value if isinstance(value, bytes) else str(value).encode()]
        self.socket.send_multipart(frames)
        return request_id

    def receive(self, request_id: str, timeout: float = REPLY_SECONDS) -> Reply | None:
        """Return the next reply to `request_id`, or None if there is none within `timeout`.

        None as well, without the wait, once the process has ended and all that it sent is read.
        """
        key = request_id.encode()
        end = time.monotonic() + timeout
        while not self._replies.get(key):
            ended = self.has_ended()
            left = LAST_WORDS_SECONDS if ended else min(end - time.monotonic(), LOOK_SECONDS)
            if not self.socket.poll(max(0, int(1000 * left))):
                if ended or time.monotonic() >= end:
                    return None
                continue
            sender, *frames = self.socket.recv_multipart()
            self._replies.setdefault(sender, []).append(Reply.parse(frames))
        return self._replies[key].pop(0)

    def expect(self, request_id: str, verb: str, timeout: float = REPLY_SECONDS) -> Reply:
        """Return the next reply to `request_id`, which must be a `verb`."""
        reply = self.receive(request_id, timeout)
        assert reply is not None, f"no answer within {timeout} s, or before it ended; {self.told()}"
        assert reply.verb == verb, reply
        return reply

    def ask(self, verb: str, *fields: tuple[str, Value], answer: str) -> Reply:
        return self.expect(self.send(verb, *fields), answer)

    def ready(self) -> Reply:
        """Wait for the first answer to a ping."""
        return self.expect(self.send("ping"), "pong", READY_SECONDS)

    def ping(self) -> Reply:
        return self.ask("ping", answer="pong")

    def spool(self, eval_id: str) -> Path:
        return self.home / f"spool-{eval_id}"

    def begin(self, code: str | bytes, **fields: Value) -> str:
        """Start an evaluation, wait until it is accepted, return its id."""
        eval_id = self.new_id()
        settings = {"rows": 24, "columns": 80, "spool": self.spool(eval_id), **fields}
        self.send("eval", ("code", code), *settings.items(), request_id=eval_id)
        self.expect(eval_id, "accepted")
        return eval_id

    def finish(self, eval_id: str, timeout: float = REPLY_SECONDS) -> Outcome:
        """Wait for the result of an evaluation and acknowledge it."""
        reply = self.expect(eval_id, "result", timeout)
        self.send("ack", ("eval", eval_id))
        return self.outcome(eval_id, reply)

    def outcome(self, eval_id: str, reply: Reply) -> Outcome:
        spool = self.spool(eval_id)
        return Outcome(reply, spool.read_bytes() if spool.exists() else b"")

    def evaluate(self, code: str | bytes, **fields: Value) -> Outcome:
        return self.finish(self.begin(code, **fields))

    def value_of(self, code: str) -> str:
        """Return how the value of `code` is shown; the evaluation must work."""
        outcome = self.evaluate(code)
        assert outcome.status == "ok", outcome
        assert outcome.value is not None, outcome
        return outcome.value

    def wait_for_output(self, eval_id: str, wanted: bytes) -> None:
        """Wait until the spool of a running evaluation holds `wanted`."""
        wait_until(lambda: wanted in _read(self.spool(eval_id)), f"{wanted!r} in the output")

    def wait_running(self, eval_id: str) -> None:
        """Wait until the gate says that the evaluation runs; it must yield for that."""
        wait_until(lambda: self.ping().text("eval") == eval_id, f"{eval_id} runs")

    def is_still(self) -> bool:
        """Whether no signal is on its way to it and none of its threads does anything."""
        self.ping()
        if platform.is_pending(self.pid, signal.SIGINT):
            return False
        return all(
            (thread / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "S"
            for thread in Path(f"/proc/{self.pid}/task").glob("*")
        )

    @property
    def shield(self) -> SignalLock:
        """What the gate keeps SIGINTs away with."""
        return SignalLock(self.endpoint.with_suffix(".lock"))

    def signal(self) -> None:
        """Send one SIGINT and wait until it is delivered."""
        assert not self.has_ended(), self.told()
        os.kill(self.pid, signal.SIGINT)
        # To a process that has ended it stays pending for ever.
        wait_until(
            lambda: self.has_ended() or not platform.is_pending(self.pid, signal.SIGINT),
            "it is delivered",
        )
        assert not self.has_ended(), self.told()

    def interrupt(self, eval_id: str) -> str:
        """Ask for an interrupt; returns the outcome."""
        return self.ask("interrupt", ("eval", eval_id), answer="interrupt").text("outcome")

    def interrupt_safely(self, eval_id: str, timeout: float = 60.0) -> Outcome:
        """Climb the safe ladder: messages, and single SIGINTs only while the gate is mute.

        SIGINTs that follow each other faster than 0.36 s make Julia throw by force wherever it
        is. In code without safepoints nothing else helps, but in the midst of the compiler it
        crashes the process, so it is looked where that computes, as the daemon does.
        """
        begun = time.monotonic()
        while time.monotonic() < begun + timeout:
            heard = self.receive(self.send("interrupt", ("eval", eval_id)), 0.15)
            reply = self.receive(eval_id, 0.02)
            if heard is None and reply is None:
                seen = asyncio.run(code_location.look(self.pid))
                with self.shield.taken() as may:
                    if may:
                        self.signal()
                quick = may_force(seen, time.monotonic() - begun)
                reply = self.receive(eval_id, FORCING_SPACING if quick else SPACING)
            if reply is not None:
                assert reply.verb == "result", reply
                self.send("ack", ("eval", eval_id))
                return self.outcome(eval_id, reply)
        raise AssertionError(f"{eval_id} was not interrupted in {timeout} s; {self.told()}")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def wait_until(condition: Callable[[], bool], what: str, timeout: float = REPLY_SECONDS) -> None:
    """Wait until `condition()` holds; the failure says `what` did not come true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.01)

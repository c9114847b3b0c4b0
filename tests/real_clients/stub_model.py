"""A model on loopback that calls the tools which a story names, and keeps what it is given.

A client sends its whole conversation with each request. The model answers with the next call of
the story until that has ended, and then with a word.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from tests.real_clients.conversation import Call, Given, Step

if TYPE_CHECKING:
    from collections.abc import Generator

DONE: Final = "done"
"""What the model says when it has called all tools."""

_PAUSE: Final = 0.2
"""Seconds between two looks for our tools, which a client offers once it has started the shim."""

_PAUSES: Final = 150
"""Most of these looks."""


@dataclass(frozen=True)
class Turn:
    """A request for the model's next words.

    Attributes:
        tools: our tools as they are offered: by our name, all text that describes each.
        results: what the model is given for each of its calls so far, by the call's id.
        told: all text of the request but the tools'.
        aside: whether it is a question of the client's own, such as for a title.
    """

    tools: dict[str, str]
    results: dict[str, Given]
    told: str
    aside: bool = False


Events = list[tuple[str, Any]]
"""Names and data of server-sent events."""


class Dialect(Protocol):
    """The API that a client speaks with its model."""

    def read(self, path: str, body: Any) -> Turn | None:
        """Return what a request asks for; None if not for the model's words."""

    def call(self, call_id: str, tool: str, arguments: dict[str, Any]) -> Events:
        """Return the events that call one of our tools, by our name."""

    def pause(self, call_id: str) -> Events:
        """Return the events that call a tool of the client's own, which gives it some time."""

    def say(self, text: str) -> Events:
        """Return the events of an answer in words."""


@dataclass
class _Open:
    """A call that is not answered yet."""

    call: Call
    offered: bool
    thread: threading.Thread | None = None


@dataclass
class StubModel:
    """The model; as a context, it listens on a port of its own.

    Attributes:
        dialect: the API that it speaks.
        story: what it calls; is sent what each call gave.
        steps: the calls so far, with what each gave.
        offered: our tools as the last request offered them.
        first: the tools that were offered when the first call was made.
        told: all text of the last request but the tools'.
        outside: hosts beyond loopback that the client asked for, and was refused.
        failure: the first error of the story, which ended it.
    """

    dialect: Dialect
    story: Generator[Call, Given, None]
    steps: list[Step] = field(default_factory=list)
    offered: dict[str, str] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    told: str = ""
    outside: set[str] = field(default_factory=set)
    failure: BaseException | None = None
    _open: _Open | None = None
    _ended: bool = False
    _pauses: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address that the client is given for its provider's."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def over(self, client_ended: bool) -> bool:
        """Return whether there is nothing more to come, now or because the client has ended."""
        with self._lock:
            return self._ended or client_ended

    def answer(self, path: str, body: Any) -> Events | None:
        """Return the events that answer a request; None if it is not for the model's words."""
        turn = self.dialect.read(path, body)
        if turn is None:
            return None
        if turn.aside:
            return self.dialect.say(DONE)
        if not (self.first or turn.tools):
            time.sleep(_PAUSE)
        with self._lock:
            try:
                return self._next(turn)
            except StopIteration:
                self._ended = True
            except BaseException as error:  # noqa: BLE001 - whoever runs the client raises it
                self.failure, self._ended = self.failure or error, True
            return self.dialect.say(DONE)

    def _next(self, turn: Turn) -> Events:
        if self._ended:
            return self.dialect.say(DONE)
        self.offered, self.told = turn.tools, turn.told
        if not self.first:
            if not turn.tools:
                self._pauses += 1
                assert self._pauses < _PAUSES, "the client does not offer our tools"
                return self.dialect.pause(f"pause_{self._pauses}")
            self.first = turn.tools
            return self._begin(next(self.story))
        assert self._open
        given = turn.results.get(self._id)
        if given is None:
            # The client sends its request once more.
            return self._words(self._open.call)
        if self._open.thread:
            self._open.thread.join()
        call = self._open.call
        self.steps.append(
            Step(call.part, call.title, call.tool, str(call), given, self._open.offered)
        )
        return self._begin(self.story.send(given))

    @property
    def _id(self) -> str:
        return f"call_{len(self.steps):03d}"

    def _begin(self, call: Call) -> Events:
        self._open = _Open(call, call.tool in self.offered)
        if call.meanwhile:
            self._open.thread = threading.Thread(target=self._aside, args=(call,), daemon=True)
            self._open.thread.start()
        return self._words(call)

    def _aside(self, call: Call) -> None:
        assert call.meanwhile
        try:
            call.meanwhile()
        except BaseException as error:  # noqa: BLE001 - whoever runs the client raises it
            self.failure = self.failure or error

    def _words(self, call: Call) -> Events:
        return self.dialect.call(self._id, call.tool, call.arguments)


def _handler(model: StubModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of the client."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def do_CONNECT(self) -> None:
            """Refuse what a proxy is asked for: the client is to reach nothing but us."""
            model.outside.add(self.path)
            self._send(b"", "text/plain", 403)

        def do_GET(self) -> None:
            """Answer what is not for the model."""
            self._send(b'{"object": "list", "data": [], "models": []}', "application/json")

        def do_HEAD(self) -> None:
            """Answer as GET, without a body."""
            self.do_GET()

        def do_POST(self) -> None:
            """Answer a request, with the model's words or with nothing."""
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            events = model.answer(self.path, json.loads(raw or b"{}"))
            if events is None:
                self._send(b'{"input_tokens": 1, "totalTokens": 1}', "application/json")
                return
            lines = [
                (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
                for name, data in events
            ]
            self._send("".join(lines).encode(), "text/event-stream")

        def _send(self, body: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler

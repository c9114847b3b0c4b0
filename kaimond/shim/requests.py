"""The client's unanswered requests, and what a new connection must be told.

`OpenRequests` does no input or output: it is given lines and events and puts lines into two
outboxes. It keeps three promises whatever the daemon does: every request gets exactly one answer,
none is lost with a connection, and a duplicate answer to a replayed ``initialize`` never reaches
the client.

It is in one of three states:

- *up*: there is a connection; lines are passed on;
- *held*: there is none yet; requests are kept;
- *down*: there is none and `trouble` says why; requests are answered at once.

Nothing depends on ``initialize``: MCP has it up to 2025-11-25 and not in 2026-07-28.
"""

from __future__ import annotations

import json

from kaimond.shim.request import LISTEN, UNAVAILABLE, Request, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeGuard

    from kaimond.shim.lines import TooLong

MAX_REPLAYS: Final = 3
"""How often a request is sent again before it is assumed to be what ends the daemon."""

MAX_CANCELLED: Final = 100
"""How many cancelled requests are remembered; a client hardly ever has two."""

MAX_ID: Final = 200
"""Longest id in bytes; the hello names the ids of replayed requests and is a short line."""

LIST_CHANGED: Final = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600


class OpenRequests:
    """The unanswered requests of one client.

    Attributes:
        to_daemon: lines for the connection, without newline; whoever sends them clears the list.
        to_client: lines for the client, likewise.
        up: whether there is a connection.
        trouble: why there is none, once waiting was given up; empty otherwise.
        wanted: whether the client has asked for something that needs a daemon to be started.
        held: the size of the unanswered requests in bytes.
    """

    def __init__(self) -> None:
        self.to_daemon: list[bytes] = []
        self.to_client: list[bytes] = []
        self.up = False
        self.trouble = ""
        self.wanted = False
        self.held = 0
        self._waiting: dict[str | int, Request] = {}
        self._initialize: Request | None = None
        self._initialize_answered = False
        self._initialized: bytes | None = None
        self._swallow: str | int | None = None
        self._questions: set[str | int] = set()
        self._cancelled: dict[str | int, None] = {}

    @property
    def waiting(self) -> int:
        """The number of requests that have no answer yet."""
        return len(self._waiting)

    @property
    def pressing(self) -> bool:
        """Whether the client waits for an answer."""
        return any(not request.standing for request in self._waiting.values())

    def replay_ids(self) -> list[str | int]:
        """Return the ids of the requests that the next connection gets and an earlier one had."""
        return [request.id for request in self._waiting.values() if request.sent]

    def cancelled_ids(self) -> list[str | int]:
        """Return the ids of cancelled requests that a daemon may still be working on."""
        return list(self._cancelled)

    def from_client(self, line: bytes) -> None:
        """Take a line from the client."""
        message = _read(line)
        if message is None:
            self._unreadable(line)
            return
        method = message.get("method")
        if not isinstance(method, str):
            self._client_answers(message.get("id"), line)
        elif "id" in message:
            self._client_asks(message["id"], method, line)
        else:
            self._client_tells(method, message.get("params"), line)

    def too_long(self, line: TooLong, limit: int) -> None:
        """Handle a line from the client that was too long to be kept."""
        self._refuse(
            line.id,
            INVALID_REQUEST,
            f"A message of more than {limit} bytes was refused and not acted on. "
            "Put large data into a file and send its path.",
        )

    def from_daemon(self, line: bytes) -> None:
        """Take a line from the daemon."""
        message = _read(line)
        if message is None:
            return
        ident = message.get("id")
        if "method" in message:
            if _is_id(ident):
                self._questions.add(ident)
            self.to_client.append(line)
        elif not _is_id(ident):
            self.to_client.append(line)
        elif ident == self._swallow:
            self._swallow = None
        else:
            self._daemon_answers(ident, line, failed="error" in message)

    def answer_too_long(self, line: TooLong, limit: int) -> None:
        """Handle a line from the daemon that was too long to be kept."""
        if line.id is not None and self._remove(line.id):
            self._refuse(
                line.id,
                UNAVAILABLE,
                f"The answer has more than {limit} bytes and was not passed on. The request was "
                "acted on. Ask for less at once.",
            )

    def connected(self) -> None:
        """Begin on a connection that is greeted: give it everything that has no answer yet."""
        self.up = True
        self.trouble = ""
        self.wanted = False
        # The hello has named these.
        self._cancelled.clear()
        if self._initialize:
            self.to_daemon.append(self._initialize.line)
            self._swallow = self._initialize.id if self._initialize_answered else None
            if self._initialized:
                self.to_daemon.append(self._initialized)
        for request in self._waiting.values():
            if request.sent:
                request.replays += 1
            request.sent = True
            if request is not self._initialize:
                self.to_daemon.append(request.line)
        if self._initialized:
            # Only a client that got its tools from an earlier connection, or from `offline`, has
            # sent this notification already.
            self.to_client.append(LIST_CHANGED)

    def disconnected(self) -> None:
        """Note that the connection is gone, with everything that was on its way."""
        self.up = False
        self.to_daemon.clear()
        self._swallow = None
        self._questions.clear()
        for request in list(self._waiting.values()):
            if request.replays >= MAX_REPLAYS and request.method != LISTEN:
                self._answer_offline(
                    request,
                    f"kaimond went away {request.replays + 1} times while it worked on this "
                    "request, so it is not sent again.",
                )
        self.wanted = self.pressing

    def give_up(self, trouble: str) -> None:
        """Answer everything, and from now on at once: there will be no connection soon.

        Args:
            trouble: the reason, in sentences for people.
        """
        self.trouble = trouble
        self.wanted = False
        for request in list(self._waiting.values()):
            if not request.standing:
                self._answer_offline(request, trouble)

    def _unreadable(self, line: bytes) -> None:
        if self.up:
            self.to_daemon.append(line)
        else:
            self._refuse(None, PARSE_ERROR, "A line that is not a JSON object was refused.")

    def _client_answers(self, ident: object, line: bytes) -> None:
        # An answer to an earlier connection's question could be taken for one of this connection.
        if _is_id(ident) and ident in self._questions:
            self._questions.discard(ident)
            self.to_daemon.append(line)

    def _client_asks(self, ident: object, method: str, line: bytes) -> None:
        if not _is_id(ident) or not _fits(ident):
            self._refuse(
                None,
                INVALID_REQUEST,
                f"A request was refused: its id must be a string or an integer of at most {MAX_ID} "
                "bytes.",
            )
            return
        if ident in self._waiting:
            # The daemon knows a replayed call by its id, and would confuse the two.
            self._refuse(
                ident,
                INVALID_REQUEST,
                "A request was refused: an earlier one with the same id has no answer yet.",
            )
            return
        self._cancelled.pop(ident, None)
        request = Request(ident, method, line)
        if method == "initialize":
            self._initialize = request
            self._initialize_answered = False
        self._waiting[ident] = request
        self.held += len(line)
        if self.up:
            request.sent = True
            self.to_daemon.append(line)
            return
        self.wanted = True
        if self.trouble:
            self._answer_offline(request, self.trouble)

    def _client_tells(self, method: str, params: object, line: bytes) -> None:
        if method == "notifications/initialized":
            self._initialized = line
        elif method == "notifications/cancelled" and isinstance(params, dict):
            cancelled = params.get("requestId")
            request = self._remove(cancelled) if _is_id(cancelled) else None
            if request and request.sent:
                self._remember_cancelled(request.id)
        # Other notifications are about a state that a later connection does not have.
        if self.up:
            self.to_daemon.append(line)

    def _remember_cancelled(self, ident: str | int) -> None:
        """Remember a cancellation that the daemon may not have heard if it goes away now."""
        self._cancelled[ident] = None
        if len(self._cancelled) > MAX_CANCELLED:
            del self._cancelled[next(iter(self._cancelled))]

    def _daemon_answers(self, ident: str | int, line: bytes, *, failed: bool) -> None:
        self._cancelled.pop(ident, None)
        request = self._remove(ident)
        if not request:
            return
        if request is self._initialize:
            self._initialize_answered = True
            if failed:
                self._initialize = None
        self.to_client.append(line)

    def _remove(self, ident: str | int) -> Request | None:
        request = self._waiting.pop(ident, None)
        if request:
            self.held -= len(request.line)
        return request

    def _answer_offline(self, request: Request, trouble: str) -> None:
        from kaimond.shim import offline  # noqa: PLC0415 - rarely needed, never at a good start

        self._remove(request.id)
        if request is self._initialize:
            self._initialize_answered = True
        self.to_client.append(offline.answer(request, trouble))

    def _refuse(self, ident: str | int | None, code: int, message: str) -> None:
        self.to_client.append(
            encode({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message}})
        )


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _is_id(ident: object) -> TypeGuard[str | int]:
    # `True` is an int in Python, and equal to the id 1.
    return type(ident) in {int, str}


def _fits(ident: str | int) -> bool:
    try:
        return len(str(ident).encode()) <= MAX_ID
    except UnicodeEncodeError:
        # Half of a surrogate pair: legal in JSON, but no text.
        return False

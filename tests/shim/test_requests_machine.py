"""Each request gets exactly one answer, whatever order lines, ends and cancellations come in."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from kaimond.shim.requests import OpenRequests


def _line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


class Conversation(RuleBasedStateMachine):
    """A client, a book and a daemon that dies as it likes but answers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.book = OpenRequests()
        self.next_id = 0
        self.asked: list[int] = []
        self.cancelled: set[int] = set()
        self.answers: Counter[int] = Counter()
        self.at_daemon: list[tuple[int, str]] = []
        self.seen_by_connection: Counter[int] = Counter()

    @initialize(legacy=st.booleans())
    def era(self, legacy: bool) -> None:
        self.legacy = legacy
        if legacy:
            self._ask("initialize", {"protocolVersion": "2025-11-25"})

    def _ask(self, method: str, params: dict[str, Any]) -> None:
        ident = self.next_id
        self.next_id += 1
        self.asked.append(ident)
        self.book.from_client(_line(id=ident, method=method, params=params))
        self._flow()

    def _flow(self) -> None:
        """Carry what lies in the outboxes to where it belongs."""
        for line in self.book.to_client:
            message = json.loads(line)
            if "id" in message:
                self.answers[message["id"]] += 1
            else:
                assert message["method"] == "notifications/tools/list_changed"
                assert self.legacy
        self.book.to_client.clear()
        for line in self.book.to_daemon:
            assert self.book.up
            message = json.loads(line)
            if "id" in message:
                self.seen_by_connection[message["id"]] += 1
                self.at_daemon.append((message["id"], message["method"]))
        self.book.to_daemon.clear()

    @rule(method=st.sampled_from(["tools/call", "tools/list", "ping", "other"]))
    def client_asks(self, method: str) -> None:
        self._ask(method, {"name": "ex"})

    @precondition(lambda self: self.legacy and self.answers[0])
    @rule()
    def client_is_initialised(self) -> None:
        self.book.from_client(_line(method="notifications/initialized"))
        self._flow()

    @precondition(lambda self: len(self.asked) > 1)
    @rule(data=st.data())
    def client_cancels(self, data: st.DataObject) -> None:
        ident = data.draw(st.sampled_from(self.asked[1:]))
        self.cancelled.add(ident)
        self.book.from_client(_line(method="notifications/cancelled", params={"requestId": ident}))
        self._flow()

    @precondition(lambda self: not self.book.up)
    @rule()
    def daemon_appears(self) -> None:
        self.seen_by_connection.clear()
        self.book.connected()
        self._flow()

    @precondition(lambda self: self.book.up)
    @rule()
    def daemon_dies(self) -> None:
        self.at_daemon.clear()
        self.book.disconnected()
        self._flow()

    @precondition(lambda self: not self.book.up)
    @rule()
    def patience_ends(self) -> None:
        self.book.give_up("No daemon.")
        self._flow()

    @precondition(lambda self: self.at_daemon)
    @rule(data=st.data(), failed=st.booleans())
    def daemon_answers(self, data: st.DataObject, failed: bool) -> None:
        ident, method = self.at_daemon.pop(data.draw(st.integers(0, len(self.at_daemon) - 1)))
        failed = failed and method != "initialize"
        outcome: dict[str, Any] = (
            {"error": {"code": 1, "message": "x"}} if failed else {"result": {}}
        )
        self.book.from_daemon(_line(id=ident, **outcome))
        self._flow()

    @invariant()
    def nothing_is_answered_twice(self) -> None:
        assert all(count <= 1 for count in self.answers.values()), self.answers

    @invariant()
    def no_connection_hears_a_request_twice(self) -> None:
        assert all(count == 1 for count in self.seen_by_connection.values())

    def teardown(self) -> None:
        """With a daemon that answers everything in the end, nothing stays open."""
        if not self.book.up:
            self.seen_by_connection.clear()
            self.book.connected()
            self._flow()
        for ident, _ in self.at_daemon:
            self.book.from_daemon(_line(id=ident, result={}))
        self._flow()
        for ident in self.asked:
            assert self.answers[ident] == 1 or ident in self.cancelled, ident
        assert self.book.waiting == 0
        assert self.book.held == 0


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=40)

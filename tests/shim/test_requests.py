from __future__ import annotations

import json
from typing import Any

from kaimond.shim.lines import TooLong
from kaimond.shim.requests import LIST_CHANGED, MAX_CANCELLED, MAX_REPLAYS, OpenRequests

INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}'
)
INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


def line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def call(ident: int | str, **arguments: Any) -> bytes:
    params = {"name": "ex", "arguments": arguments}
    return line(id=ident, method="tools/call", params=params)


def result(ident: int | str) -> bytes:
    return line(id=ident, result={"of": ident})


def cancel(ident: int | str) -> bytes:
    return line(method="notifications/cancelled", params={"requestId": ident})


def said(lines: list[bytes]) -> list[dict[str, Any]]:
    messages = [json.loads(item) for item in lines]
    lines.clear()
    return messages


def taken(lines: list[bytes]) -> list[bytes]:
    kept = list(lines)
    lines.clear()
    return kept


def initialised() -> OpenRequests:
    book = OpenRequests()
    book.from_client(INITIALIZE)
    book.connected()
    book.from_daemon(result(0))
    book.from_client(INITIALIZED)
    assert taken(book.to_daemon) == [INITIALIZE, INITIALIZED]
    assert taken(book.to_client) == [result(0)]
    return book


def test_lines_pass_unchanged_in_both_directions() -> None:
    book = initialised()
    odd = b' { "method":"tools/list" ,  "id":"x\\u00e9", "jsonrpc":"2.0" } \r'
    book.from_client(odd)
    assert taken(book.to_daemon) == [odd]
    answer = b'{"id":"x\\u00e9", "result":{} , "jsonrpc":"2.0"}'
    book.from_daemon(answer)
    assert taken(book.to_client) == [answer]


def test_requests_wait_for_the_first_connection_in_order() -> None:
    book = OpenRequests()
    for ident in (1, "1", 2):
        book.from_client(call(ident))
    assert book.to_daemon == []
    assert book.wanted
    assert book.replay_ids() == []
    book.connected()
    assert taken(book.to_daemon) == [call(1), call("1"), call(2)]
    assert book.to_client == []


def test_a_new_connection_hears_the_handshake_and_then_what_is_unanswered() -> None:
    book = initialised()
    for ident in (1, 2, 3):
        book.from_client(call(ident))
    book.from_daemon(result(2))
    book.disconnected()
    book.to_client.clear()
    assert book.to_daemon == []
    assert book.replay_ids() == [1, 3]
    book.connected()
    assert taken(book.to_daemon) == [INITIALIZE, INITIALIZED, call(1), call(3)]


def test_a_duplicate_answer_to_initialize_is_swallowed_once() -> None:
    book = initialised()
    book.disconnected()
    book.connected()
    assert taken(book.to_client) == [LIST_CHANGED]
    book.from_daemon(result(0))
    assert book.to_client == []


def test_a_duplicate_answer_is_not_taken_for_that_to_a_request_with_the_same_id() -> None:
    book = initialised()
    book.from_client(call(0))
    book.disconnected()
    book.connected()
    book.to_client.clear()
    book.from_daemon(line(id=0, result={"serverInfo": {}}))
    assert book.to_client == []
    book.from_daemon(result(0))
    assert taken(book.to_client) == [result(0)]


def test_an_unanswered_initialize_is_sent_again_once_and_answered_to_the_client() -> None:
    book = OpenRequests()
    book.from_client(INITIALIZE)
    book.connected()
    book.disconnected()
    book.to_daemon.clear()
    book.connected()
    assert taken(book.to_daemon) == [INITIALIZE]
    book.from_daemon(result(0))
    assert taken(book.to_client) == [result(0)]


def test_a_client_without_initialize_is_served_over_a_reconnection() -> None:
    book = OpenRequests()
    book.connected()
    book.from_client(call(1))
    book.disconnected()
    book.connected()
    assert taken(book.to_daemon) == [call(1)]
    assert book.to_client == []


def test_a_cancelled_request_is_not_sent_again_and_its_late_answer_is_dropped() -> None:
    book = initialised()
    book.from_client(call(1))
    book.from_client(cancel(1))
    assert taken(book.to_daemon) == [call(1), cancel(1)]
    book.from_daemon(result(1))
    assert book.to_client == []
    book.disconnected()
    assert book.replay_ids() == []


def test_a_request_cancelled_while_it_is_held_never_runs() -> None:
    book = OpenRequests()
    book.from_client(call(1))
    book.from_client(cancel(1))
    book.connected()
    assert book.to_daemon == []


def test_a_cancellation_that_no_daemon_heard_is_told_to_the_next_one() -> None:
    book = initialised()
    for ident in (1, 2, 3):
        book.from_client(call(ident))
    book.from_client(cancel(1))
    book.from_daemon(result(1))
    book.from_client(cancel(2))
    book.disconnected()
    book.from_client(cancel(3))
    book.from_client(call(4))
    book.from_client(cancel(4))
    assert book.cancelled_ids() == [2, 3]
    assert book.replay_ids() == []
    book.connected()
    assert book.cancelled_ids() == []


def test_a_new_request_with_the_id_of_a_cancelled_one_is_not_taken_for_it() -> None:
    book = initialised()
    book.from_client(call(1))
    book.disconnected()
    book.from_client(cancel(1))
    book.from_client(call(1))
    assert book.cancelled_ids() == []


def test_no_more_than_the_last_cancellations_are_remembered() -> None:
    book = initialised()
    for ident in range(1, MAX_CANCELLED + 3):
        book.from_client(call(ident))
        book.from_client(cancel(ident))
    assert book.cancelled_ids() == list(range(3, MAX_CANCELLED + 3))


def test_a_request_that_ends_the_daemon_again_and_again_is_answered_with_an_error() -> None:
    book = initialised()
    book.from_client(call(1))
    for _ in range(MAX_REPLAYS):
        book.disconnected()
        assert not [item for item in taken(book.to_client) if item != LIST_CHANGED]
        book.connected()
    book.to_client.clear()
    book.disconnected()
    (answer,) = said(book.to_client)
    assert answer["id"] == 1
    assert answer["result"]["isError"] is True
    assert f"{MAX_REPLAYS + 1} times" in answer["result"]["content"][0]["text"]
    book.to_daemon.clear()
    book.connected()
    assert call(1) not in book.to_daemon


def test_a_subscription_is_not_taken_for_poison_and_presses_nobody() -> None:
    book = OpenRequests()
    listen = line(id=9, method="subscriptions/listen", params={})
    book.connected()
    book.from_client(listen)
    for _ in range(MAX_REPLAYS + 2):
        book.disconnected()
        assert not book.pressing
        assert not book.wanted
        book.connected()
    assert book.to_client == []
    assert book.to_daemon[-1] == listen


def test_an_answer_to_an_earlier_connections_question_is_not_sent_to_the_new_one() -> None:
    book = initialised()
    question = line(id=0, method="elicitation/create", params={})
    book.from_daemon(question)
    assert taken(book.to_client) == [question]
    book.disconnected()
    book.connected()
    book.to_daemon.clear()
    book.from_client(result(0))
    assert book.to_daemon == []
    book.from_daemon(question)
    book.from_client(result(0))
    assert taken(book.to_daemon) == [result(0)]


def test_a_second_request_with_an_open_id_is_refused_and_the_first_is_answered() -> None:
    book = initialised()
    book.from_client(call(1))
    book.from_client(call(1, code="other"))
    assert taken(book.to_daemon) == [call(1)]
    (refusal,) = said(book.to_client)
    assert refusal["id"] == 1
    assert refusal["error"]["code"] == -32600
    book.from_daemon(result(1))
    assert taken(book.to_client) == [result(1)]


def test_ids_that_a_hello_cannot_name_are_refused() -> None:
    for ident in (None, True, 1.5, ["x"], "x" * 201, "\ud800"):
        book = OpenRequests()
        book.connected()
        book.from_client(line(id=ident, method="ping"))
        (refusal,) = said(book.to_client)
        assert refusal["error"]["code"] == -32600
        assert book.to_daemon == []


def test_a_second_answer_to_one_request_is_dropped() -> None:
    book = initialised()
    book.from_client(call(1))
    book.from_daemon(result(1))
    book.from_daemon(result(1))
    assert taken(book.to_client) == [result(1)]


def test_what_is_not_mcp_never_reaches_the_client() -> None:
    book = initialised()
    for noise in (b"Traceback (most recent call last):", b"[]", b"\xff\xfe", b"[" * 100_000):
        book.from_daemon(noise)
    assert book.to_client == []


def test_an_unreadable_line_is_the_daemons_business_and_ours_only_without_one() -> None:
    book = OpenRequests()
    book.from_client(b"{")
    (refusal,) = said(book.to_client)
    assert refusal["id"] is None
    assert refusal["error"]["code"] == -32700
    book.connected()
    book.from_client(b"{")
    assert taken(book.to_daemon) == [b"{"]


def test_given_up_requests_are_told_what_is_wrong_and_later_ones_at_once() -> None:
    book = OpenRequests()
    book.from_client(INITIALIZE)
    book.give_up("kaimond did not start (exit code 1).")
    (answer,) = said(book.to_client)
    assert answer["id"] == 0
    assert answer["result"]["protocolVersion"] == "2025-06-18"
    # What a client is not promised now it will not ask the daemon for later.
    assert answer["result"]["capabilities"] == {
        "completions": {},
        "prompts": {},
        "resources": {},
        "tools": {"listChanged": True},
    }
    assert answer["result"]["serverInfo"]["name"] == "kaimon"
    assert "did not start (exit code 1)" in answer["result"]["instructions"]
    book.from_client(INITIALIZED)
    book.from_client(line(id=1, method="tools/list"))
    book.from_client(line(id=2, method="ping"))
    book.from_client(call(3))
    book.from_client(line(id=4, method="resources/read"))
    book.from_client(line(id=5, method="resources/templates/list"))
    listed, pong, called, other, templates = said(book.to_client)
    assert listed["result"] == {"tools": []}
    assert templates["result"] == {"resourceTemplates": []}
    assert pong["result"] == {}
    text = called["result"]["content"][0]["text"]
    assert called["result"]["isError"] is True
    assert "exit code 1" in text
    assert "Nothing was run" in text
    assert "`kaimonctl doctor` in a terminal" in text
    assert "exit code 1" in other["error"]["message"]


def test_a_modern_client_gets_modern_results_without_a_daemon() -> None:
    book = OpenRequests()
    book.give_up("No.")
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    book.from_client(line(id=1, method="tools/list", params={"_meta": meta}))
    (answer,) = said(book.to_client)
    assert answer["result"]["resultType"] == "complete"
    assert answer["result"]["ttlMs"] == 0


def test_a_request_that_may_have_run_is_not_called_not_run() -> None:
    book = initialised()
    book.from_client(call(1))
    book.disconnected()
    book.give_up("Gone.")
    (answer,) = said(book.to_client)
    text = answer["result"]["content"][0]["text"]
    assert "may have been acted on" in text
    assert "Nothing was run" not in text


def test_a_daemon_that_appears_after_all_gets_the_handshake_and_the_client_looks_again() -> None:
    book = OpenRequests()
    book.from_client(INITIALIZE)
    book.give_up("No.")
    book.from_client(INITIALIZED)
    book.to_client.clear()
    book.connected()
    assert taken(book.to_daemon) == [INITIALIZE, INITIALIZED]
    assert taken(book.to_client) == [LIST_CHANGED]
    book.from_daemon(result(0))
    assert book.to_client == []
    book.from_client(call(1))
    assert taken(book.to_daemon) == [call(1)]


def test_without_an_open_request_nobody_wants_a_daemon_started() -> None:
    book = initialised()
    book.disconnected()
    assert not book.wanted
    book.from_client(call(1))
    assert book.wanted


def test_a_failed_initialize_is_not_repeated_by_us() -> None:
    book = OpenRequests()
    book.connected()
    book.from_client(INITIALIZE)
    book.from_daemon(line(id=0, error={"code": -32602, "message": "no"}))
    book.to_daemon.clear()
    book.disconnected()
    book.connected()
    assert book.to_daemon == []


def test_a_message_that_is_too_long_is_refused_by_its_id() -> None:
    book = initialised()
    for head, tail, ident in (
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{', b'"}}', 7),
        (b'{ "id" : "a-b" , "method":"x"', b'"}}', "a-b"),
        (b'{"method":"tools/call","params":{"id":1', b'"},"jsonrpc":"2.0","id":8}', 8),
        (b'{"params":{"id":1', b'"}}', None),
        (b'{"method":"x","params":{"a":{"id":3', b',"id":4}}', None),
    ):
        book.too_long(TooLong(head, tail), 16)
        (refusal,) = said(book.to_client)
        assert refusal["id"] == ident
        assert "16 bytes" in refusal["error"]["message"]
    assert book.to_daemon == []


def test_an_answer_that_is_too_long_becomes_an_error() -> None:
    book = initialised()
    book.from_client(call(7))
    book.answer_too_long(TooLong(b'{"jsonrpc":"2.0","id":7,"result":', b'"}}'), 16)
    (answer,) = said(book.to_client)
    assert answer["id"] == 7
    assert "was acted on" in answer["error"]["message"]
    assert book.waiting == 0


def test_the_size_of_held_requests_is_known() -> None:
    book = OpenRequests()
    book.from_client(call(1))
    book.from_client(call(2))
    assert book.held == len(call(1)) + len(call(2))
    book.connected()
    book.from_daemon(result(1))
    book.from_client(cancel(2))
    assert book.held == 0

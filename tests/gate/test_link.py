"""The link, against a gate that a test plays."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond.gate.link import GateLink, GateSilentError
from tests.support.wait import until

if TYPE_CHECKING:
    import zmq.asyncio

    from tests.gate.conftest import Heard
    from tests.gate.fake_gate import FakeGate

SOON = 60.0
NEVER = 3600.0


async def test_a_request_sent_before_the_gate_binds_is_answered(
    link: GateLink, gate: FakeGate
) -> None:
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    await asyncio.sleep(0)
    assert not link.up
    gate.bind()
    heard = await gate.hear()
    assert heard.verb == "ping"
    await gate.say(heard.request, "pong", (("pid", "7"),))
    answer = await asking
    assert (answer.verb, answer.get("pid")) == ("pong", "7")
    await until(lambda: link.up)


async def test_a_ping_tells_the_gate_which_process_may_look_at_it(
    link: GateLink, gate: FakeGate
) -> None:
    gate.bind()
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    heard = await gate.hear()
    assert heard.get("daemon") == str(os.getpid())
    await gate.say(heard.request, "pong")
    await asking


async def test_answers_find_their_requests_in_any_order(link: GateLink, gate: FakeGate) -> None:
    gate.bind()
    tasks = [asyncio.create_task(link.request(verb, timeout=SOON)) for verb in "abc"]
    questions = [await gate.hear() for _ in tasks]
    for question in reversed(questions):
        await gate.say(question.request, "answer", (("to", question.verb),))
    assert [message.get("to") for message in await asyncio.gather(*tasks)] == ["a", "b", "c"]


async def test_what_answers_no_request_goes_to_the_owner(
    link: GateLink, gate: FakeGate, heard: Heard
) -> None:
    gate.bind()
    link.send("0a", "eval", (("code", "1"),))
    message = await gate.hear()
    assert (message.request, message.verb, message.get("code")) == ("0a", "eval", "1")
    await gate.say("0a", "accepted")
    await gate.say("0a", "result", (("status", "ok"),))
    await until(lambda: len(heard.messages) == 2)
    assert [message.verb for message in heard.messages] == ["accepted", "result"]


async def test_a_gate_that_is_silent_is_an_error_at_the_deadline(
    link: GateLink, gate: FakeGate, heard: Heard
) -> None:
    gate.bind()
    with pytest.raises(GateSilentError, match=r"no answer to ping within 0\.1 s"):
        await link.request("ping", timeout=0.1)
    late = await gate.hear()
    await gate.say(late.request, "pong")
    await until(lambda: heard.messages)
    assert not link._waiting, "nothing is kept of a request that was given up"


async def test_a_request_that_is_cancelled_leaves_nothing(link: GateLink, gate: FakeGate) -> None:
    gate.bind()
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    await gate.hear()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not link._waiting


async def test_the_transport_goes_down_with_the_gate_and_up_with_the_next(
    link: GateLink, gate: FakeGate, heard: Heard
) -> None:
    gate.bind()
    await until(lambda: link.up)
    changed = link.changed
    gate.end()
    await until(lambda: not link.up)
    assert link.changed > changed
    gate.bind()
    await until(lambda: heard.ups == 2)
    assert link.up
    answering = asyncio.create_task(gate.answer_pings())
    assert (await link.request("ping", timeout=SOON)).verb == "pong"
    answering.cancel()


@pytest.mark.parametrize(
    "frames", [[b"x"], [b"x", b"y", b"z"], [b"\xff\xff", b"\xff"], [b""] * 4], ids=str
)
async def test_a_message_that_cannot_be_read_does_not_deafen(
    link: GateLink, gate: FakeGate, frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    gate.bind()
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    question = await gate.hear()
    await gate.say_raw(frames)
    await gate.say(question.request, "pong")
    assert (await asking).verb == "pong"
    assert all(record.levelno == logging.WARNING for record in caplog.records)


async def test_an_owner_that_fails_does_not_deafen(
    link: GateLink, gate: FakeGate, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    heard.fail = True
    gate.bind()
    await until(lambda: heard.ups)
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    question = await gate.hear()
    await gate.say("0a", "result")
    await gate.say(question.request, "pong")
    assert (await asking).verb == "pong"
    gate.end()
    await until(lambda: not link.up)
    gate.bind()
    await until(lambda: heard.ups == 2)
    assert "handling result failed" in caplog.text
    assert "handling transport up failed" in caplog.text


async def test_a_second_answer_to_one_request_goes_to_the_owner(
    link: GateLink, gate: FakeGate, heard: Heard
) -> None:
    gate.bind()
    asking = asyncio.create_task(link.request("ping", timeout=SOON))
    question = await gate.hear()
    await gate.say(question.request, "pong", (("n", "1"),))
    assert (await asking).get("n") == "1"
    await gate.say(question.request, "pong", (("n", "2"),))
    await until(lambda: heard.messages)
    assert heard.messages[0].get("n") == "2"


async def test_closing_ends_the_waiting(link: GateLink) -> None:
    asking = asyncio.create_task(link.request("exit", timeout=NEVER))
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(GateSilentError):
        await asyncio.wait_for(asking, SOON)


async def test_a_closed_link_refuses_requests_and_ignores_messages(link: GateLink) -> None:
    await link.close()
    link.send("1", "ack")
    with pytest.raises(GateSilentError):
        await asyncio.wait_for(link.request("ping", timeout=NEVER), SOON)


async def test_closing_twice_is_closing(link: GateLink) -> None:
    await link.close()
    await link.close()


def _descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def test_a_closed_link_leaves_no_descriptor(
    context: zmq.asyncio.Context, endpoint: Path, heard: Heard, gate: FakeGate
) -> None:
    async def one() -> None:
        link = GateLink(context, "k", endpoint, heard.message, heard.up)
        await until(lambda: link.up)
        await link.close()

    gate.bind()
    await one()  # The first one makes the threads of libzmq.
    before = _descriptors()
    for _ in range(5):
        await one()
    # libzmq closes its sockets in a thread of its own.
    await until(lambda: _descriptors() <= before)


A_GATE = """
import sys, zmq
gate = zmq.Context().socket(zmq.ROUTER)
gate.setsockopt(zmq.ROUTER_HANDOVER, 1)
gate.bind("ipc://" + sys.argv[1])
while True:
    peer, request, verb, *_ = gate.recv_multipart()
    gate.send_multipart([peer, request, b"pong"])
"""


async def test_a_stopped_process_takes_the_transport_down_and_a_continued_one_up_again(
    link: GateLink, endpoint: Path, heard: Heard
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", A_GATE, str(endpoint))
    try:
        await link.request("ping", timeout=30)
        await until(lambda: link.up)
        os.kill(child.pid, signal.SIGSTOP)
        await until(lambda: not link.up)
        os.kill(child.pid, signal.SIGCONT)
        await until(lambda: link.up)
        # The first connection after the pause may be one that the gate gives up; hence `repeat`.
        assert (await link.request("ping", timeout=30, repeat=True)).verb == "pong"
        assert heard.ups >= 2
    finally:
        child.kill()
        await child.wait()

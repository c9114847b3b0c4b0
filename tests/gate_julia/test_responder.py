"""From Julia 1.9 on, a gate answers while code computes on Julia's main thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = [pytest.mark.julia, pytest.mark.smoke]


@pytest.fixture
def gate(gate: GateProcess) -> GateProcess:
    """A session with a responder."""
    if not gate.ping().text("responder"):
        pytest.skip("before Julia 1.9 the main thread answers")
    return gate


COMPUTING = [
    "while true; rand(10); end",
    "(x -> begin while x >= 0; x = x > 1_000_000 ? 0 : x + 1; end end)(0)",
    "ccall(:sleep, Cuint, (Cuint,), 60); while true end",
    "while true; sum(rand(10^6)); GC.gc(); end",
    "while true; @eval f(x) = x + $(rand()); @eval f(1); end",
    "while true; println(1); end",
]


@pytest.mark.parametrize("code", COMPUTING)
def test_a_ping_is_answered_while_code_computes(gate: GateProcess, code: str) -> None:
    eval_id = gate.begin(code)
    wait_until(lambda: gate.ping().text("state") == "busy", "the eval runs")
    for _ in range(20):
        pong = gate.ping()
        assert (pong.text("state"), pong.text("eval")) == ("busy", eval_id)
        assert "silent" not in pong.names()
    assert gate.interrupt_safely(eval_id).status == "interrupted"
    assert gate.value_of("1 + 1") == "2"


def test_what_is_known_of_an_eval_is_told_while_it_computes(gate: GateProcess) -> None:
    code = 'Main.Kaimon.stash("half", 42); Main.Kaimon.progress("50 %"); while true; rand(); end'
    gate.evaluate("using Kaimon")
    eval_id = gate.begin(code)

    def told() -> dict[str, str]:
        reply = gate.ask("result", ("eval", eval_id), answer="pending")
        return {name: reply.text(name) for name in reply.names()}

    wait_until(lambda: "progress" in told(), "the eval has told how far it is")
    assert told() == {"eval": eval_id, "stash:half": "42", "progress": "50 %"}
    while "progress" not in gate.expect(eval_id, "notes").names():
        pass
    assert gate.interrupt_safely(eval_id).status == "interrupted"


def test_code_that_asks_for_its_end_is_told_without_a_pause(gate: GateProcess) -> None:
    gate.evaluate(
        "using Kaimon; watching() = while true; Gate.is_cancelled() && return :ended; end"
    )
    eval_id = gate.begin("watching()")
    assert gate.expect(eval_id, "notes").text("watches") == "1"
    assert gate.interrupt(eval_id) == "asked"
    outcome = gate.finish(eval_id)
    assert (outcome.status, outcome.value) == ("ok", ":ended")


def test_an_idle_session_whose_main_thread_computes_says_so(fresh: GateProcess) -> None:
    if not fresh.ping().text("responder"):
        pytest.skip("before Julia 1.9 the main thread answers")
    fresh.evaluate("stop = Ref(false); computing() = while !stop[]; rand(); end")
    # It begins when the eval, and what the gate does after it, is over.
    fresh.evaluate("Timer(_ -> computing(), 0.3); nothing")
    end = time.monotonic() + 20
    while "silent" not in (pong := fresh.ping()).names():
        assert time.monotonic() < end
    assert pong.text("state") == "idle"
    assert float(pong.text("silent")) >= 0.5


def test_a_rehearsal_of_the_gate_itself_is_not_told_as_code_that_computes(
    fresh: GateProcess,
) -> None:
    if not fresh.ping().text("responder"):
        pytest.skip("before Julia 1.9 the main thread answers")
    gate = "parentmodule(Main.Kaimon.stash)"
    fresh.evaluate("using Kaimon")
    rehearsing = f"{gate}.REHEARSING[] = true; ccall(:sleep, Cuint, (Cuint,), 3)"
    fresh.evaluate(f"Timer(_ -> ({rehearsing}; {gate}.REHEARSING[] = false), 0.3); nothing")
    waited, end = 0.0, time.monotonic() + 20
    while waited < 0.4:
        assert time.monotonic() < end
        asked = time.monotonic()
        pong = fresh.ping()
        waited = time.monotonic() - asked
    assert "silent" not in pong.names()


def test_many_requests_at_once_are_all_answered_whoever_answers_them(gate: GateProcess) -> None:
    eval_id = gate.begin("for i in 1:3; sleep(0.1); x = 0.0; for j in 1:10^7; x += j; end; end; 7")
    pings = [gate.send("ping") for _ in range(500)]
    asked = [gate.send("result", ("eval", eval_id)) for _ in range(500)]
    for request in pings:
        assert gate.expect(request, "pong").text("session")
    for request in asked:
        reply = gate.receive(request)
        # Once it has ended, the result is sent in the place of "pending".
        assert reply is None or reply.verb in ("pending", "result")
        if reply is None:
            break
    assert gate.finish(eval_id).value == "7"


def test_user_threads_are_as_many_as_were_asked_for(gate: GateProcess) -> None:
    assert gate.value_of("Threads.nthreads()") == "1"
    assert gate.value_of("Threads.threadid()") == "1"

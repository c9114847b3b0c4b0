"""Whatever runs can be interrupted, and an interrupt hits nothing else."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import platform
from tests.gate_julia.gate_process import wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = pytest.mark.julia


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code",
    [
        "sleep(60)",
        "wait(Condition())",
        "take!(Channel(0))",
        "while true; sleep(0.01); end",
        "run(`sleep 60`)",
        "@sync @async sleep(60)",
        "read(`sleep 60`)",
    ],
)
def test_what_waits_is_interrupted_by_a_message(gate: GateProcess, code: str) -> None:
    eval_id = gate.begin(code)
    gate.wait_running(eval_id)
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    outcome = gate.finish(eval_id)
    assert outcome.status == "interrupted"
    assert "InterruptException" in outcome.error
    assert gate.value_of("1 + 1") == "2"


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code",
    [
        "while true end",
        "(x -> begin while x >= 0; x = x > 1_000_000 ? 0 : x + 1; end end)(0)",
        "while true; string(rand()); end",
        "while true; println(1); end",
        "wait(@async while true end)",
        "ccall(:sleep, Cuint, (Cuint,), 60); while true end",
    ],
)
def test_what_computes_is_interrupted_by_the_safe_ladder(gate: GateProcess, code: str) -> None:
    eval_id = gate.begin(code)
    outcome = gate.interrupt_safely(eval_id)
    assert outcome.status == "interrupted"
    assert gate.value_of("1 + 1") == "2"


def test_an_interrupt_in_an_included_file_is_an_interrupt(gate: GateProcess) -> None:
    (gate.project / "slow.jl").write_text("sleep(60)\n")
    eval_id = gate.begin('include("slow.jl")')
    gate.wait_running(eval_id)
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    assert gate.finish(eval_id).status == "interrupted"


def test_output_and_displays_before_an_interrupt_are_kept(gate: GateProcess) -> None:
    eval_id = gate.begin('println("so far"); display([1]); sleep(60)')
    gate.wait_for_output(eval_id, b"so far\n")
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    outcome = gate.finish(eval_id)
    assert outcome.output == b"so far\n"
    assert outcome.shows("display:text/plain")


def test_code_may_catch_the_interrupt_and_end_in_order(gate: GateProcess) -> None:
    eval_id = gate.begin('try; println("in"); sleep(60); finally; println("cleaned up"); end')
    gate.wait_for_output(eval_id, b"in\n")
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    assert gate.finish(eval_id).output == b"in\ncleaned up\n"


def test_an_interrupt_of_nothing_says_so(gate: GateProcess) -> None:
    assert gate.interrupt("feedface") == "not-running"
    eval_id = gate.begin("1")
    gate.finish(eval_id)
    assert gate.interrupt(eval_id) == "not-running"


def test_an_interrupt_hits_only_the_evaluation_it_names(gate: GateProcess) -> None:
    running = gate.begin("sleep(60)")
    waiting = gate.begin("2")
    gate.wait_running(running)
    wait_until(lambda: gate.interrupt(waiting) == "other-running", "the other one runs")
    assert gate.interrupt("feedface") == "other-running"
    assert gate.ping().text("eval") == running
    assert gate.interrupt(running) == "thrown"
    assert gate.finish(running).status == "interrupted"
    assert gate.finish(waiting).value == "2"


def test_a_hanging_showerror_can_be_interrupted(gate: GateProcess) -> None:
    gate.evaluate("struct Hanging <: Exception end; Base.showerror(io::IO, ::Hanging) = sleep(60)")
    eval_id = gate.begin("throw(Hanging())")
    gate.wait_running(eval_id)
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    outcome = gate.finish(eval_id)
    assert outcome.status == "error"
    assert "Hanging" in outcome.error


def test_a_sigint_that_comes_as_an_eval_ends_hits_nothing_that_runs_after(
    fresh: GateProcess,
) -> None:
    fresh.value_of("beats = 0; beater = @async while true; sleep(0.001); global beats += 1; end; 1")
    ends = fresh.home / "ends"
    for _ in range(20):
        ends.unlink(missing_ok=True)
        eval_id = fresh.begin(f'print(1); while !isfile("{ends}") end; 2')
        fresh.wait_for_output(eval_id, b"1")
        with fresh.shield.taken() as may:
            assert may, "code of the user's runs"
            ends.touch()
            wait_until(partial(waits_for_a_lock, fresh.pid), "the gate waits for its shield")
            fresh.signal()
        outcome = fresh.finish(eval_id)
        assert (outcome.status, outcome.value) == ("ok", "2")
        assert fresh.value_of("istaskdone(beater)") == "false"


def test_a_sigint_that_comes_while_julia_infers_spoils_no_code(fresh: GateProcess) -> None:
    if fresh.value_of('isdefined(Base, Symbol("@assume_effects"))') == "false":
        pytest.skip("before Julia 1.8 no call is done beforehand, while its caller is inferred")
    beat, ends = fresh.home / "beat", fresh.home / "ends"
    fresh.evaluate(f"""
        Base.@assume_effects :total function known(number)
            while !isfile("{ends}"); touch("{beat}"); end
            return number
        end
    """)
    code = "for _ in 1:2; println(known(7)); end"
    eval_id = fresh.begin(code)
    wait_until(beat.exists, "the call is done beforehand")
    with fresh.shield.taken() as may:
        assert may, "code of the user's runs"
        fresh.signal()
    for _ in range(2):
        beat.unlink()
        wait_until(beat.exists, "the call has met the SIGINT and goes on")
    ends.touch()
    # Julia 1.12 interrupts once it has inferred; with older ones the next SIGINT would.
    assert fresh.finish(eval_id).status in ("ok", "interrupted")
    assert fresh.evaluate(code).output == b"7\n7\n"


def test_the_shield_is_raised_whenever_no_code_of_the_users_runs(gate: GateProcess) -> None:
    for code in ("1 + 1", 'error("wanted")', "sleep(60)"):
        with gate.shield.taken() as may:
            assert not may
        eval_id = gate.begin(code)
        if code == "sleep(60)":
            gate.wait_running(eval_id)
            with gate.shield.taken() as may:
                assert may
            wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")  # noqa: B023
        gate.finish(eval_id)
    with gate.shield.taken() as may:
        assert not may


def waits_for_a_lock(pid: int) -> bool:
    """Whether the main thread is in flock(2); where that cannot be seen, whether it sleeps."""
    try:
        where = Path(f"/proc/{pid}/task/{pid}/wchan").read_text(encoding="ascii")
    except OSError:
        where = "0"
    thread = platform.main_thread(pid)
    return "lock" in where if where != "0" else thread is None or thread.sleeps


def test_a_stray_sigint_while_idle_harms_nothing(fresh: GateProcess) -> None:
    for _ in range(10):
        os.kill(fresh.pid, signal.SIGINT)
        # A thread of Julia's takes it, which has to get a processor first; else it is not stray.
        wait_until(fresh.is_still, "the signal has arrived")
        outcome = fresh.evaluate("1 + 1")
        assert (outcome.status, outcome.value) == ("ok", "2")
    assert fresh.process.poll() is None


THROW_INTO_THE_EVAL_TASK = """
struct Evil <: Exception end
Base.showerror(io::IO, ::Evil) = throw(InterruptException())
target = current_task()
@async (sleep(0.1); schedule(target, {0}; error=true))
nothing
"""


@pytest.mark.parametrize("exception", ["InterruptException()", "Evil()"])
def test_the_session_outlives_an_exception_thrown_into_its_idle_eval_task(
    fresh: GateProcess, exception: str
) -> None:
    fresh.evaluate("kept = 1")
    fresh.evaluate(THROW_INTO_THE_EVAL_TASK.format(exception))
    noticed = "eval task died" if exception == "Evil()" else "an error of the gate"

    def seen() -> bool:
        fresh.ping()
        return noticed in fresh.log

    wait_until(seen, "the log tells what happened")
    assert fresh.value_of("kept") == "1"
    assert fresh.evaluate('println("heard")').output == b"heard\n"


ROUNDS = 40
SEED = 20


def test_fuzzed_interrupts_lose_no_answer_and_kill_nothing(fresh: GateProcess) -> None:
    dice = random.Random(SEED)
    fresh.evaluate("beats = 0; beater = @async while true; sleep(0.005); global beats += 1; end")
    choices = [
        "sum(rand(100))",
        "while true; end",
        "sleep(30)",
        "(function (x) while x >= 0; x = x > 1_000_000 ? 0 : x + 1; end; end)(0)",
        "let t = time(); while time() - t < {0:.3f}; end; end",
        "sleep({0:.3f})",
        "string(rand(1000))",
        "while true; string(1); end",
        "error(1)",
        "(println(1); rand(10, 10))",
    ]
    latencies = []
    for _ in range(ROUNDS):
        eval_id = fresh.begin(dice.choice(choices).format(dice.uniform(0, 0.1)))
        time.sleep(dice.uniform(0, 0.05))
        begun = time.monotonic()
        outcome = fresh.interrupt_safely(eval_id)
        latencies.append(time.monotonic() - begun)
        assert outcome.status in {"ok", "error", "interrupted"}
        assert fresh.receive(eval_id, 0) is None
    assert fresh.value_of("40 + 2") == "42"
    assert fresh.value_of("istaskdone(beater)") == "false"
    assert "the eval task died" not in fresh.log
    median, worst = statistics.median(latencies), max(latencies)
    print(f"interrupt latency: median {median:.3f} s, worst {worst:.3f} s")

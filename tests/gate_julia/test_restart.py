"""A restart in place: the same process, and nothing of what it knew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess, Reply

pytestmark = pytest.mark.julia

NONCE = "1234abcd"
IS_OPEN = "ccall(:fcntl, Cint, (Cint, Cint, Cint...), 200, 1, 0) != -1"


def restart(gate: GateProcess, nonce: str = NONCE) -> Reply:
    """Restart `gate` and return the first pong with the new nonce."""
    gate.send("restart", ("nonce", nonce), *(("arg", arg) for arg in gate.argv))
    pong: list[Reply] = []

    def proved() -> bool:
        reply = gate.receive(gate.send("ping"), 0.2)
        if reply is None or reply.text("nonce") != nonce:
            return False
        pong.append(reply)
        return True

    wait_until(proved, "a pong with the new nonce", 60)
    return pong[0]


@pytest.mark.smoke
def test_a_restart_keeps_the_process_and_forgets_the_state(fresh: GateProcess) -> None:
    before = fresh.ping()
    fresh.evaluate('state = 1; ENV["ADDED"] = "x"; cd("/")')
    assert fresh.value_of("ccall(:dup2, Cint, (Cint, Cint), 1, 200)") == "200"
    assert fresh.value_of(IS_OPEN) == "true"
    after = restart(fresh)
    assert after.text("pid") == before.text("pid")
    assert after.text("start") == before.text("start")
    assert after.text("boot") != before.text("boot")
    assert after.text("session") == before.text("session")
    assert Path(after.text("pwd")) == fresh.project
    assert fresh.value_of("@isdefined state") == "false"
    assert fresh.value_of('haskey(ENV, "ADDED")') == "false"
    assert fresh.value_of(IS_OPEN) == "false"
    assert fresh.process.poll() is None


def test_a_restarted_session_prints_waits_and_is_interrupted_like_a_new_one(
    fresh: GateProcess,
) -> None:
    restart(fresh)
    assert fresh.evaluate('println("hi"); run(`echo child`);').output == b"hi\nchild\n"
    waiting = fresh.begin("sleep(60)")
    fresh.wait_running(waiting)
    wait_until(lambda: fresh.interrupt(waiting) == "thrown", "the interrupt is thrown")
    assert fresh.finish(waiting).status == "interrupted"
    assert fresh.interrupt_safely(fresh.begin("while true end")).status == "interrupted"
    assert restart(fresh, "second").text("nonce") == "second"


def test_output_after_a_restart_in_the_midst_of_an_evaluation_goes_to_the_log(
    fresh: GateProcess,
) -> None:
    eval_id = fresh.begin('println("before"); flush(stdout); sleep(60)')
    fresh.wait_for_output(eval_id, b"before\n")
    restart(fresh)
    assert fresh.spool(eval_id).read_bytes() == b"before\n"
    assert fresh.ping().text("state") == "idle"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([("nonce", "n")], "no program"),
        ([("nonce", "n"), ("arg", "julia")], "absolute"),
        ([("nonce", "n"), ("arg", "/nowhere/julia")], "does not exist"),
        ([("nonce", "n"), ("arg", "/etc/passwd")], "not executable"),
        ([("nonce", ""), ("arg", "/bin/sh")], "nonce"),
    ],
)
def test_a_restart_that_cannot_work_fails_and_the_session_goes_on(
    gate: GateProcess, fields: list[tuple[str, str]], why: str
) -> None:
    gate.evaluate("kept = 1")
    assert why in gate.ask("restart", *fields, answer="failed").text("reason")
    assert gate.value_of("kept") == "1"


def test_a_failed_exec_leaves_a_running_evaluation_and_its_output_alone(
    gate: GateProcess,
) -> None:
    no_program = gate.home / "no-program"
    no_program.write_bytes(b"\x7fELF but not really")
    no_program.chmod(0o755)
    eval_id = gate.begin('println("one"); sleep(0.5); println("two"); run(`echo three`); 4')
    gate.wait_for_output(eval_id, b"one\n")
    failed = gate.ask("restart", ("nonce", "n"), ("arg", no_program), answer="failed")
    assert str(no_program) in failed.text("reason")
    outcome = gate.finish(eval_id)
    assert outcome.value == "4"
    assert outcome.output == b"one\ntwo\nthree\n"

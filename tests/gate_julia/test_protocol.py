"""Requests, answers and what happens to them when either side is not at its best."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import SESSION, wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess, Value

pytestmark = pytest.mark.julia

PONG = (
    "pid start boot nonce session protocol gate gate-code julia pwd project threads state eval "
    "terminal queued tracked responder"
)


def test_pong_tells_who_where_and_what_the_session_is(gate: GateProcess) -> None:
    pong = gate.ping()
    assert pong.names() == PONG.split()
    assert pong.text("pid") == str(gate.pid)
    assert len(bytes.fromhex(pong.text("boot"))) == 16
    assert pong.text("nonce") == gate.nonce
    assert pong.text("session") == SESSION
    assert pong.text("protocol") == "1"
    assert pong.text("gate") == "0.1.0"
    assert pong.text("gate-code") in ("precompiled", "evaluated")
    assert pong.text("julia").count(".") >= 2
    assert Path(pong.text("pwd")) == gate.project
    assert pong.text("project") == str(gate.project / "Project.toml")
    assert int(pong.text("threads")) >= 1
    assert (pong.text("state"), pong.text("eval"), pong.text("queued")) == ("idle", "", "0")


def test_the_start_time_is_the_kernels(gate: GateProcess) -> None:
    stat_file = Path(f"/proc/{gate.pid}/stat")
    expected = ""
    if stat_file.exists():
        expected = stat_file.read_text().rpartition(")")[2].split()[22 - 3]
    assert gate.ping().text("start") == expected


def test_pong_tells_what_runs_and_how_many_wait(gate: GateProcess) -> None:
    running = gate.begin("sleep(60)")
    gate.wait_running(running)
    waiting = [gate.begin("1") for _ in range(2)]
    pong = gate.ping()
    assert (pong.text("state"), pong.text("eval")) == ("busy", running)
    assert pong.text("queued") == "2"
    assert gate.interrupt(running) == "thrown"
    assert gate.finish(running).status == "interrupted"
    assert [gate.finish(eval_id).value for eval_id in waiting] == ["1", "1"]


def test_pong_survives_a_removed_working_directory(gate: GateProcess) -> None:
    gate.evaluate("d = mktempdir(); cd(d); rm(d)")
    assert gate.ping().text("pwd") == ""
    gate.evaluate(f"cd({str(gate.project)!r})".replace("'", '"'))
    assert Path(gate.ping().text("pwd")) == gate.project


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"id", b"nonsense"], "unknown verb"),
        ([b"id", b""], "unknown verb"),
        ([b"id"], "no verb"),
        ([b"id", b"\xff"], "UTF-8"),
        ([b"id", b"ping", b"name"], "no value"),
        ([b"id", b"ping", b"\xff", b"x"], "UTF-8"),
        ([b"", b"ping"], "request id"),
        ([b"id", b"ack"], "eval is missing"),
        ([b"id", b"interrupt"], "eval is missing"),
        ([b"id", b"result", b"eval", b"\xff"], "UTF-8"),
        ([b"id", b"restart"], "nonce is missing"),
        ([b"id", b"eval", b"code", b"1", b"spool", b"/tmp/x"], "8 hexadecimal"),
        ([b"../../etc", b"eval", b"code", b"1", b"spool", b"/tmp/x"], "8 hexadecimal"),
        ([b"\xff\xff", b"eval", b"code", b"1", b"spool", b"/tmp/x"], "UTF-8"),
        ([b"ffffff00", b"eval", b"code", b"1"], "spool is missing"),
        ([b"ffffff00", b"eval", b"spool", b"/tmp/x"], "code is missing"),
        ([b"ffffff00", b"eval", b"code", b"1", b"spool", b"x"], "absolute"),
        ([b"ffffff00", b"eval", b"code", b"1", b"spool", b"/tmp/a\0b"], "absolute"),
        ([b"ffffff00", b"eval", b"code", b"\xff", b"spool", b"/tmp/x"], "UTF-8"),
        ([b"ffffff00", b"eval", b"code", b"1", b"spool", b"/tmp/x", b"rows", b"0"], "rows"),
        ([b"ffffff00", b"eval", b"code", b"1", b"spool", b"/tmp/x", b"columns", b"a"], "columns"),
    ],
)
def test_a_malformed_request_is_refused_with_a_reason(
    gate: GateProcess, frames: list[bytes], why: str
) -> None:
    gate.socket.send_multipart(frames)
    assert gate.socket.poll(10_000)
    request_id, verb, name, reason = gate.socket.recv_multipart()
    assert (request_id, verb, name) == (frames[0], b"refused", b"reason")
    assert why in reason.decode()


def test_unknown_fields_are_ignored(gate: GateProcess) -> None:
    assert gate.ask("ping", ("color", "blue"), answer="pong").text("pid") == str(gate.pid)
    assert gate.evaluate("1 + 1", future="x").value == "2"


def test_random_messages_never_kill_the_gate(gate: GateProcess) -> None:
    noise = [os.urandom(length % 40) for length in range(600)]
    for start in range(0, len(noise), 3):
        gate.socket.send_multipart(noise[start : start + 1 + start % 3])
    assert gate.ping().text("state") == "idle"
    gate.connect()


def test_a_repeated_eval_joins_the_one_that_runs_and_never_runs_twice(gate: GateProcess) -> None:
    gate.evaluate("counter = Ref(0)")
    joined = gate.home / "joined"
    eval_id = gate.begin(f'counter[] += 1; while !ispath("{joined}") sleep(0.02) end; counter[]')
    request: list[tuple[str, Value]] = [
        ("code", "counter[] += 1"),
        ("spool", gate.spool(eval_id)),
    ]
    gate.send("eval", *request, request_id=eval_id)
    gate.expect(eval_id, "accepted")
    joined.touch()
    first = gate.expect(eval_id, "result")
    gate.send("eval", *request, request_id=eval_id)
    assert gate.expect(eval_id, "result") == first
    gate.send("ack", ("eval", eval_id))
    gate.send("eval", *request, request_id=eval_id)
    assert gate.expect(eval_id, "refused").text("reason") == "already acknowledged"
    assert gate.value_of("counter[]") == "1"


def test_a_repeated_eval_that_waits_is_accepted_again(gate: GateProcess) -> None:
    running = gate.begin("sleep(60)")
    waiting = gate.begin("2")
    fields: list[tuple[str, Value]] = [("code", "2"), ("spool", gate.spool(waiting))]
    gate.send("eval", *fields, request_id=waiting)
    gate.expect(waiting, "accepted")
    gate.wait_running(running)
    gate.interrupt(running)
    gate.finish(running)
    assert gate.finish(waiting).value == "2"
    assert gate.receive(waiting, 0.05) is None


def test_an_eval_that_another_process_image_was_given_is_refused(gate: GateProcess) -> None:
    boot = gate.ping().text("boot")
    eval_id = gate.new_id()
    fields = (("code", "given_to_another = 1"), ("spool", gate.spool(eval_id)))
    gate.send("eval", ("boot", boot[::-1]), *fields, request_id=eval_id)
    said = gate.expect(eval_id, "refused").text("reason")
    assert said == "the process image that it was for is gone"
    assert gate.value_of("@isdefined(given_to_another)") == "false"
    assert gate.evaluate("1", boot=boot).value == "1"


def test_a_result_is_kept_until_it_is_acknowledged(gate: GateProcess) -> None:
    eval_id = gate.begin("3")
    result = gate.expect(eval_id, "result")
    for _ in range(2):
        gate.send("result", ("eval", eval_id))
        assert gate.expect(eval_id, "result") == result
    gate.send("ack", ("eval", eval_id))
    unknown = gate.ask("result", ("eval", eval_id), answer="unknown")
    assert unknown.text("eval") == eval_id
    assert gate.ask("result", ("eval", "feedface"), answer="unknown").text("eval") == "feedface"


def test_an_acknowledgement_has_no_answer_and_may_come_twice(gate: GateProcess) -> None:
    asked = gate.send("ack", ("eval", "feedface"))
    gate.evaluate("1")
    again = gate.send("ack", ("eval", "feedface"))
    gate.ping()
    assert gate.receive(asked, 0) is None
    assert gate.receive(again, 0) is None


def test_acknowledging_what_still_runs_does_not_lose_its_result(gate: GateProcess) -> None:
    eval_id = gate.begin("sleep(0.1); 4")
    gate.send("ack", ("eval", eval_id))
    assert gate.finish(eval_id).value == "4"


def test_a_reply_that_was_lost_is_there_for_the_next_connection(gate: GateProcess) -> None:
    eval_id = gate.begin("sleep(0.1); 5")
    gate.connect()
    wait_until(lambda: gate.ping().text("state") == "idle", "the evaluation ended")
    gate.send("result", ("eval", eval_id))
    assert gate.finish(eval_id).value == "5"


def test_a_running_evaluation_answers_whoever_asked_for_it_last(gate: GateProcess) -> None:
    asked = gate.home / "asked"
    eval_id = gate.begin(f'while !ispath("{asked}") sleep(0.02) end; 6')
    gate.connect()
    assert gate.ask("result", ("eval", eval_id), answer="pending").text("eval") == eval_id
    asked.touch()
    assert gate.finish(eval_id).value == "6"


def test_300_pipelined_pings_are_all_answered_between_evaluations(gate: GateProcess) -> None:
    evals = [gate.new_id() for _ in range(20)]
    pings = []
    for eval_id in evals:
        gate.send("eval", ("code", "1"), ("spool", gate.spool(eval_id)), request_id=eval_id)
        pings += [gate.send("ping") for _ in range(15)]
    for ping in pings:
        gate.expect(ping, "pong")
    for eval_id in evals:
        gate.expect(eval_id, "accepted")
        assert gate.finish(eval_id).value == "1"


def test_thousands_of_requests_in_one_go_do_not_exhaust_the_stack(gate: GateProcess) -> None:
    eval_id = gate.begin("t = time(); while time() - t < 0.5 end")
    pings = [gate.send("ping") for _ in range(5000)]
    gate.finish(eval_id)
    for ping in pings:
        gate.expect(ping, "pong")


def test_the_socket_is_the_owners_only(gate: GateProcess) -> None:
    assert stat.S_IMODE(gate.endpoint.stat().st_mode) == 0o600
    assert gate.value_of("p = tempname(); touch(p); filemode(p) & 0o777 != 0o600") == "true"


def test_an_output_file_that_cannot_be_written_stops_the_evaluation(gate: GateProcess) -> None:
    outcome = gate.evaluate("never = 1", spool="/nowhere/at/all")
    assert outcome.status == "error"
    assert "/nowhere/at/all" in outcome.error
    assert "nothing was run" in outcome.error
    assert gate.value_of("@isdefined never") == "false"


def test_exit_says_bye_and_runs_the_exit_hooks(fresh: GateProcess) -> None:
    fresh.evaluate('atexit(() -> println("hook ran"))')
    fresh.ask("exit", answer="bye")
    assert fresh.process.wait(timeout=60) == 0
    assert "hook ran" in fresh.log


def test_an_idle_session_uses_no_processor_time(gate: GateProcess) -> None:
    def used() -> float:
        fields = Path(f"/proc/{gate.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    if not Path("/proc/self/stat").exists():
        return
    gate.ping()

    def is_calm() -> bool:
        before = used()
        time.sleep(1)
        return used() - before <= 0.02

    wait_until(is_calm, "the process waits")

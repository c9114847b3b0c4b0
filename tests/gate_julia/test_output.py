"""Everything that is printed arrives, in order, byte for byte, in the right file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import GateProcess, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.julia

CHATTY = """module Chatty
@warn "said while it loads"
__init__() = println("said by its init")
end
"""
BROKEN = """module Broken
error("broken " * "while it loads")
end
"""


@pytest.mark.smoke
def test_output_of_julia_c_and_children_keeps_its_order(gate: GateProcess) -> None:
    outcome = gate.evaluate(
        'println("one"); println(stderr, "two"); ccall(:puts, Cint, (Cstring,), "three")\n'
        'run(`echo four`); Core.println("five"); run(`sh -c "echo six >&2"`); print("seven")\n'
        'run(pipeline(`echo eight`, stdout=stdout)); println("nine")'
    )
    assert outcome.status == "ok"
    assert outcome.output == b"one\ntwo\nthree\nfour\nfive\nsix\nseveneight\nnine\n"


def test_c_output_without_a_line_end_is_there_when_the_evaluation_ends(gate: GateProcess) -> None:
    assert gate.evaluate('ccall(:printf, Cint, (Cstring,), "no line end");').output == (
        b"no line end"
    )


def test_bytes_that_are_no_utf8_arrive_as_they_are(gate: GateProcess) -> None:
    outcome = gate.evaluate("write(stdout, UInt8[0xff, 0x00, 0xc3, 0x28, 0x0a]);")
    assert outcome.output == b"\xff\x00\xc3\x28\x0a"
    assert gate.evaluate(r"run(`printf '\377\000x'`);").output == b"\xff\x00x"


def test_log_messages_are_output(gate: GateProcess) -> None:
    outcome = gate.evaluate('@info "information"; @warn "warning" x = 1; @error "mistake"')
    assert b"[ Info: information\n" in outcome.output
    assert b"Warning: warning" in outcome.output
    assert b"Error: mistake" in outcome.output


def test_warnings_of_the_runtime_are_output(gate: GateProcess) -> None:
    # Up to 1.11 of a constant's new value, from 1.6 on of an unused parameter.
    outcome = gate.evaluate("const fixed = 1; const fixed = 2; fixed_not(x) where T = x")
    assert b"WARNING: " in outcome.output
    assert b"fixed" in outcome.output
    assert "fixed" not in gate.log


def test_reading_stdin_ends_at_once(gate: GateProcess) -> None:
    assert gate.value_of("readline()") == '""'
    assert gate.value_of("read(stdin, String)") == '""'
    assert gate.value_of("read(`cat`, String)") == '""'
    assert gate.value_of("eof(stdin)") == "true"


def test_ten_megabytes_of_short_lines_arrive_whole(gate: GateProcess) -> None:
    gate.evaluate('line = "x"^99; println(line)')
    eval_id = gate.begin("for _ in 1:100_000; println(line); end")
    outcome = gate.finish(eval_id)
    assert len(outcome.output) == 10_000_000
    assert outcome.output == (b"x" * 99 + b"\n") * 100_000


def test_output_can_be_read_while_the_code_never_yields(gate: GateProcess) -> None:
    seen = gate.home / "seen"
    eval_id = gate.begin(f'println("early"); while !ispath("{seen}"); end')
    gate.wait_for_output(eval_id, b"early\n")
    assert gate.receive(eval_id, 0) is None
    seen.touch()
    gate.finish(eval_id)


def test_output_is_appended_to_what_the_file_holds(gate: GateProcess) -> None:
    (gate.home / "kept").write_bytes(b"before\n")
    outcome = gate.evaluate('print("after")', spool=gate.home / "kept")
    assert (gate.home / "kept").read_bytes() == b"before\nafter"
    assert outcome.reply.text("output") == "12"


def test_late_output_goes_to_the_log(gate: GateProcess) -> None:
    ended = gate.home / "ended"
    outcome = gate.evaluate(
        f'@async (while !ispath("{ended}") sleep(0.02) end; println("late one"); '
        '@info "late two"; run(`echo late three`);'
        ' ccall(:puts, Cint, (Cstring,), "late four"))\nprintln("in time")'
    )
    ended.touch()
    wait_until(lambda: "late four" in gate.log, "the late output is in the log")
    for words in ("late one", "late two", "late three"):
        assert words in gate.log
    assert gate.spool(f"{int(gate.new_id(), 16) - 2:08x}").exists()
    assert outcome.output == b"in time\n"


def test_a_stream_taken_hold_of_stays_valid(gate: GateProcess) -> None:
    gate.evaluate("held = stdout; held_error = stderr;")
    gate.evaluate('started = Channel(1); @async (take!(started); println(held, "from behind"))')
    outcome = gate.evaluate('put!(started, 1); sleep(0.1); println(held_error, "in front")')
    assert outcome.output == b"from behind\nin front\n"


def test_user_code_can_redirect_and_put_back(gate: GateProcess) -> None:
    outcome = gate.evaluate(
        """
        old, old_error = stdout, stderr
        println("before")
        reader, writer = redirect_stdout()
        redirect_stderr(writer)
        println("caught"); @warn "caught warning"; run(`echo caught child`)
        redirect_stdout(old); redirect_stderr(old_error)
        close(writer)
        caught = read(reader, String)
        println("after"); run(`echo child after`)
        caught
        """
    )
    assert outcome.status == "ok"
    assert outcome.output == b"before\nafter\nchild after\n"
    assert outcome.value is not None
    for words in ("caught", "caught warning", "caught child"):
        assert words in outcome.value


def test_redirecting_for_the_time_of_a_call_works(gate: GateProcess) -> None:
    outcome = gate.evaluate(
        'path = tempname()\nopen(path, "w") do io\n  redirect_stdout(io) do\n'
        '    println("into the file")\n  end\nend\nprintln("out"); read(path, String)'
    )
    assert outcome.output == b"out\n"
    assert outcome.value == '"into the file\\n"'


def test_both_streams_can_be_redirected_at_once(gate: GateProcess) -> None:
    if gate.value_of("isdefined(Base, :redirect_stdio)") == "false":
        pytest.skip("that came with Julia 1.7")
    outcome = gate.evaluate(
        "path = tempname()\nredirect_stdio(stdout=path, stderr=path) do\n"
        '    println("one"); println(stderr, "two"); run(`echo three`)\nend\n'
        'redirect_stdio(() -> println("nobody"); stdout=devnull)\n'
        'redirect_stdio(() -> println("as error"); stdout=stderr)\n'
        'println("out"); println(stderr, "err"); sort(readlines(path))'
    )
    assert outcome.output == b"as error\nout\nerr\n"
    assert outcome.value is not None
    for word in ("one", "two", "three"):
        assert f'"{word}"' in outcome.value


def test_a_forgotten_redirect_does_not_silence_the_next_evaluation(gate: GateProcess) -> None:
    gate.evaluate("redirect_stdout(); redirect_stderr(); nothing")
    outcome = gate.evaluate('println("heard"); println(stderr, "again"); run(`echo child`);')
    assert outcome.output == b"heard\nagain\nchild\n"


def test_a_child_that_outlives_the_evaluation_writes_to_where_it_began(gate: GateProcess) -> None:
    eval_id = gate.begin(
        'run(pipeline(`sh -c "sleep 0.3; echo slow child"`, stdout=stdout); wait=false)\n'
        'println("quick")'
    )
    outcome = gate.finish(eval_id)
    assert outcome.output == b"quick\n"
    gate.wait_for_output(eval_id, b"slow child\n")


def package(julia: Path, name: str, text: str) -> GateProcess:
    """Return a session, not started yet, whose project is a package."""
    project = f'name = "{name}"\nuuid = "3f4c0a52-6c7e-4a0a-9d0d-6a1c1e0b7c11"\n'
    return GateProcess(julia, project_files={"Project.toml": project, f"src/{name}.jl": text})


def test_what_is_said_while_a_package_is_loaded_is_output_that_an_agent_can_read(
    julia_program: Path,
) -> None:
    with package(julia_program, "Chatty", CHATTY) as gate:
        gate.ready()
        outcome = gate.finish(gate.begin("using Chatty"), 120)
        assert outcome.status == "ok"
        assert b"said while it loads" in outcome.output
        assert outcome.output.endswith(b"said by its init\n")
        for unwanted in (b"SYSTEM", b"Unhandled", b"\r", b"\x1b[?25", b"\x1b[1G"):
            assert unwanted not in outcome.output
        # From 1.11 on Julia tells what it precompiles, if nobody is there to look at a terminal.
        if gate.value_of('VERSION >= v"1.11"') == "true":
            assert re.search(rb"\d ms .*Chatty", outcome.output)


def test_a_package_that_cannot_be_precompiled_says_why(julia_program: Path) -> None:
    with package(julia_program, "Broken", BROKEN) as gate:
        gate.ready()
        outcome = gate.finish(gate.begin("using Broken"), 120)
        assert outcome.status == "error"
        assert b"broken while it loads" in outcome.output + outcome.error.encode()
        assert b"SYSTEM" not in outcome.output
        assert gate.value_of("1 + 1") == "2"


def test_the_next_evaluations_file_has_only_its_own_output(gate: GateProcess) -> None:
    for number in range(20):
        assert gate.evaluate(f"println({number})").output == f"{number}\n".encode()

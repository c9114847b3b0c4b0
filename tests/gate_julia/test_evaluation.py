"""Code means what it means at the REPL, and its value is shown."""

from __future__ import annotations

import re
import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = pytest.mark.julia


def test_a_value_comes_with_its_type(gate: GateProcess) -> None:
    outcome = gate.evaluate("1 + 1")
    assert outcome.reply.names() == ["status", "elapsed", "output", "value:text/plain", "type"]
    assert (outcome.status, outcome.value, outcome.reply.text("type")) == ("ok", "2", "Int64")
    assert float(outcome.reply.text("elapsed")) >= 0
    assert outcome.output == b""


def test_elapsed_is_the_time_the_code_took(gate: GateProcess) -> None:
    begun = time.monotonic()
    elapsed = float(gate.evaluate("sleep(0.2)").reply.text("elapsed"))
    assert 0.2 <= elapsed <= time.monotonic() - begun


@pytest.mark.parametrize(
    "code",
    ["nothing", "1;", "1; # why", 'x = "#;" ;', "", "  \n", "# only a comment", "using Test"],
)
def test_what_has_nothing_to_show_shows_nothing(gate: GateProcess, code: str) -> None:
    outcome = gate.evaluate(code)
    assert outcome.reply.names() == ["status", "elapsed", "output"]
    assert outcome.status == "ok"


def test_quiet_hides_the_value(gate: GateProcess) -> None:
    outcome = gate.evaluate("error_when_shown = 7", quiet="1")
    assert outcome.reply.names() == ["status", "elapsed", "output", "summary"]
    assert gate.value_of("ans") == "7"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1\n2\n3", "3"),
        ("1; 2", "2"),
        ('"a;"', '"a;"'),
        ("1 # no; really;", "1"),
        ("total = 0\nfor i in 1:4\n    total += i\nend\ntotal", "10"),
        ("n = 0; while n < 3; n += 1; end; n", "3"),
        ("macro twice(x); :(2 * $(esc(x))); end\n@twice 21", "42"),
        ("newest() = 1\nnewest() = 2\nnewest()", "2"),
        ("struct Fresh; x::Int; end\nBase.:+(a::Fresh, b::Int) = a.x + b\nFresh(1) + 2", "3"),
        ("module Inner; y = 5; end\nInner.y", "5"),
        ("using Statistics\nmean([1, 2, 3])", "2.0"),
        ("begin\n  local z = 3\n  z^2\nend", "9"),
        ("@__FILE__", '"eval-'),
        ("basename(@__DIR__)", '"project"'),
        ("basename(pwd())", '"project"'),
        ("isinteractive()", "false"),
        ("üñï = 'ä'", "'ä': Unicode U+00E4"),
        ("let x = 1; x; end", "1"),
        ('"""doc"""\ndocumented() = 8\ndocumented()', "8"),
    ],
)
def test_code_means_what_it_means_at_the_repl(gate: GateProcess, code: str, value: str) -> None:
    assert gate.value_of(code).startswith(value)


def test_ans_is_the_last_value(gate: GateProcess) -> None:
    gate.evaluate("6 * 7;")
    assert gate.value_of("ans + 1") == "43"
    assert gate.value_of("ans") == "43"


def test_an_error_leaves_ans_alone(gate: GateProcess) -> None:
    gate.evaluate("11")
    gate.evaluate("error(1)")
    assert gate.value_of("ans") == "11"


def test_include_is_relative_to_the_working_directory(gate: GateProcess) -> None:
    (gate.project / "sub").mkdir()
    (gate.project / "part.jl").write_text('include("sub/deep.jl")\npart = deep + 1\n')
    (gate.project / "sub" / "deep.jl").write_text('include("deeper.jl")\ndeep = deeper + 1\n')
    (gate.project / "sub" / "deeper.jl").write_text("deeper = 1\n")
    assert gate.value_of('include("part.jl")') == "3"


def test_the_random_stream_goes_on_from_evaluation_to_evaluation(gate: GateProcess) -> None:
    gate.evaluate("using Random; Random.seed!(1)")
    apart = [gate.value_of("rand(UInt32)") for _ in range(3)]
    together = gate.value_of("Random.seed!(1); [rand(UInt32) for _ in 1:3]")
    assert all(value in together for value in apart)


def test_task_local_storage_lasts(gate: GateProcess) -> None:
    gate.evaluate("task_local_storage(:mine, 4)")
    assert gate.value_of("task_local_storage(:mine)") == "4"


def test_a_parse_error_anywhere_runs_nothing_and_says_where(gate: GateProcess) -> None:
    outcome = gate.evaluate("ran = 1\nprintln(ran)\nfor i in 1:3\n  foo(\nend")
    assert outcome.status == "error"
    # What is missing in line 4 is noticed in line 5; the parser of 1.10 and newer says the former.
    assert re.search(r"eval-[0-9a-f]{8}:[45]:", outcome.error)
    assert outcome.output == b""
    assert outcome.reply.text("backtrace") == ""
    assert gate.value_of("@isdefined ran") == "false"


@pytest.mark.parametrize("code", ["f(", '"open', "1 + )", "x = 1 = 2", "#= open", "a b"])
def test_what_is_no_julia_is_an_error_in_words(gate: GateProcess, code: str) -> None:
    outcome = gate.evaluate(code)
    assert outcome.status == "error"
    assert outcome.error
    assert "Kaimon" not in outcome.reply.text("backtrace")


@pytest.mark.smoke
def test_an_exception_has_a_backtrace_without_our_frames(gate: GateProcess) -> None:
    outcome = gate.evaluate('thrower(x) = error("boom $x")\nouter(x) = thrower(x) + 1\nouter(5)')
    assert outcome.status == "error"
    assert outcome.reply.names()[3:] == ["error", "backtrace", "trace"]
    assert outcome.error == "boom 5"
    backtrace = outcome.reply.text("backtrace")
    for wanted in ("error", "thrower", "outer", "top-level scope", "eval-"):
        assert wanted in backtrace
    for unwanted in ("Kaimon", "boot.jl", "evaluate_toplevel", "sigint", "task.jl"):
        assert unwanted not in backtrace
    assert "evaluate_toplevel" in outcome.reply.text("trace")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('throw("a string")', "a string"),
        ("sqrt(-1)", "DomainError"),
        ("undefined_name", "undefined_name"),
        ("recursion(x) = recursion(x + 1) + 1; recursion(1)", "StackOverflowError"),
        ("try; error(1); catch; error(2); end", "caused by"),
        ('fetch(@async error("in a task"))', "in a task"),
        (
            "struct Mute <: Exception end; Base.showerror(io::IO, ::Mute) = error(); throw(Mute())",
            "Mute",
        ),
        ("import NoSuchPackage", "NoSuchPackage"),
        ("throw(nothing)", "nothing"),
    ],
)
def test_whatever_is_thrown_is_told(gate: GateProcess, code: str, words: str) -> None:
    outcome = gate.evaluate(code)
    assert outcome.status == "error"
    assert words in outcome.error
    assert len(outcome.reply.text("backtrace")) < 20_000
    assert gate.value_of("1 + 1") == "2"


def test_an_error_in_an_included_file_names_file_and_line(gate: GateProcess) -> None:
    (gate.project / "bad.jl").write_text('x = 1\nerror("at two")\n')
    outcome = gate.evaluate('include("bad.jl")')
    assert "bad.jl:2" in outcome.error
    assert "bad.jl:2" in outcome.reply.text("backtrace")


PICTURE = """
struct Picture end
Base.show(io::IO, ::MIME"text/plain", ::Picture) = print(io, "a picture")
Base.show(io::IO, ::MIME"image/png", ::Picture) = write(io, hex2bytes("%s"))
Base.show(io::IO, ::MIME"image/svg+xml", ::Picture) = print(io, "<svg/>")
struct BadPicture end
Base.show(io::IO, ::MIME"image/png", ::BadPicture) = error("no paint")
struct Broken end
Base.show(io::IO, ::Broken) = error("cannot be shown")
struct Chatty end
Base.show(io::IO, ::Chatty) = (println("said while showing"); print(io, "chatty"))
struct Slow end
Base.show(io::IO, ::Slow) = sleep(60)
"""


def png() -> bytes:
    """Return a valid image of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def test_values_are_shown_as_image_too_and_failing_shows_fail_nothing(gate: GateProcess) -> None:
    assert gate.evaluate(PICTURE % png().hex()).status == "ok"

    outcome = gate.evaluate("Picture()")
    assert outcome.reply.names()[3:] == ["value:text/plain", "value:image/png", "type"]
    assert outcome.reply.raw("value:image/png") == png()

    shown = gate.evaluate(
        'display(Picture()); println("between"); display("image/svg+xml", Picture())\n'
        "display([1, 2]); nothing"
    )
    assert shown.status == "ok"
    assert shown.output == b"between\n"
    assert shown.reply.names()[3:] == [
        "display:text/plain",
        "display:image/png",
        "display:image/svg+xml",
        "display:text/plain",
    ]

    broken = gate.evaluate("Broken()")
    assert broken.status == "ok"
    assert "cannot be shown" in broken.reply.text("value:text/x-error")
    assert broken.reply.text("type") == "Broken"

    bad = gate.evaluate("display(BadPicture()); BadPicture()")
    assert bad.status == "ok"
    assert "no paint" in bad.reply.text("display:text/x-error")
    assert "no paint" in bad.reply.text("value:text/x-error")

    chatty = gate.evaluate("Chatty()")
    assert chatty.value == "chatty"
    assert chatty.output == b"said while showing\n"

    slow = gate.begin("Slow()")
    gate.wait_running(slow)
    wait_until(lambda: gate.interrupt(slow) == "thrown", "the showing can be interrupted")
    assert gate.finish(slow).status == "interrupted"

    failed = gate.evaluate("display(Picture()); error(1)")
    assert failed.reply.names()[3:] == [
        "display:text/plain",
        "display:image/png",
        "error",
        "backtrace",
        "trace",
    ]


def test_a_display_from_another_task_prints_text(gate: GateProcess) -> None:
    outcome = gate.evaluate("wait(@async display([1, 2])); nothing")
    assert outcome.reply.names() == ["status", "elapsed", "output"]
    assert outcome.output.splitlines()[1:] == [b" 1", b" 2"]


def test_values_fit_the_size_of_the_display(gate: GateProcess) -> None:
    small = gate.evaluate("collect(1:1000)", rows=10, columns=40)
    assert small.value is not None
    assert len(small.value.splitlines()) <= 10
    sizes = gate.evaluate("(displaysize(stdout), displaysize(stderr))", rows=11, columns=41)
    assert sizes.value == "((11, 41), (11, 41))"


def test_a_huge_value_is_cut_in_the_middle(gate: GateProcess) -> None:
    # Not a string itself, of which Julia 1.8 and newer show both ends alone.
    gate.evaluate('struct Wide end; Base.show(io::IO, ::Wide) = print(io, "<", "a"^3_000_000, ">")')
    outcome = gate.evaluate("Wide()")
    payload = outcome.reply.raw("value:text/plain")
    assert len(payload) <= 1 << 20
    assert b"bytes left out" in payload
    assert payload.startswith(b"<aaa")
    assert payload.endswith(b"aaa>")


def test_main_has_no_name_of_ours(fresh: GateProcess) -> None:
    plain = fresh.value_of(
        "read(`$(Base.julia_cmd()) --startup-file=no -e 'print(names(Main, all=true))'`, String)"
    )
    ours = fresh.value_of("string(filter(!isequal(:ans), names(Main, all=true)))")
    assert ours == plain


def test_main_is_as_empty_before_the_first_evaluation(fresh: GateProcess) -> None:
    assert fresh.value_of("string(names(Main, all=true))") == fresh.value_of(
        "string(filter(!isequal(:ans), names(Main, all=true)))"
    )


def test_exit_from_user_code_flushes_and_ends_the_process(fresh: GateProcess) -> None:
    fresh.evaluate('atexit(() -> println("hook ran"))')
    eval_id = fresh.begin(
        'print("last words, "); ccall(:printf, Cint, (Cstring,), "C too, "); Libc.flush_cstdio()\n'
        'ccall(:printf, Cint, (Cstring,), "unflushed"); exit(3)'
    )
    assert fresh.process.wait(timeout=60) == 3
    assert fresh.spool(eval_id).read_bytes() == b"last words, C too, hook ran\nunflushed"

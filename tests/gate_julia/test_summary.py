"""What a value is, in the line that an agent gets who did not ask for the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import wait_until

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = pytest.mark.julia

TYPES = """
struct Reading; celsius::Float64; place::String; end
struct Failing end
Base.show(io::IO, ::Failing) = error("no\\nway")
struct Endless end
Base.show(io::IO, ::Endless) = while true; print(io, "ab "); end
struct Silent end
Base.show(io::IO, ::Silent) = while true; print(io, ""); end
struct Swallowing end
Base.show(io::IO, ::Swallowing) = try; println(io, "a\\nb"); catch; print(io, "c"); end
struct Table end
Base.summary(io::IO, ::Table) = print(io, "3x2 Table")
Base.show(io::IO, ::Table) = error("rows are read")
Base.show(io::IO, ::MIME"text/plain", ::Table) = error("rows are read")
struct Worded; list; end
Base.show(io::IO, ::MIME"text/plain", ::Worded) = (print(io, "Worded thing:\\n "); error("on"))
struct Drawn end
Base.show(io::IO, ::MIME"image/png", ::Drawn) = error("painted")
struct Slow end
Base.show(io::IO, ::Slow) = sleep(60)
"""


def summary(gate: GateProcess, code: str) -> tuple[str, bool]:
    """Return the line for a value, and whether there is more of it."""
    outcome = gate.evaluate(code, quiet="1")
    assert outcome.status == "ok", outcome.reply
    assert not outcome.shows("value:text/plain")
    return outcome.reply.text("summary"), outcome.shows("partial")


@pytest.mark.smoke
def test_a_line_says_what_a_value_is_and_whether_there_is_more(gate: GateProcess) -> None:
    assert gate.evaluate(TYPES, quiet="1").status == "ok"
    whole = {
        "1 + 1": "2",
        "2.5": "2.5",
        '"a\\nb"': r'"a\nb"',
        ":name": ":name",
        "missing": "missing",
        "1:1000": "1:1000",
        "[1, 2, 3]": "[1, 2, 3]",
        "[1 2; 3 4]": "[1 2; 3 4]",
        "Float32[1]": "Float32[1.0f0]",
        '["a", "b"]': '["a", "b"]',
        'Dict("a" => 1)': 'Dict("a" => 1)',
        'Dict("a" => 1)["a"]': "1",
        '(1, "a", (b=2,))': '(1, "a", (b = 2,))',
        "typeof": "typeof (built-in function)",
        "twice(x) = 2x": "twice (generic function with 1 method)",
        "Int": "Int64",
        "Base": "Base",
        'Reading(1.5, "Oslo")': 'Reading(1.5, "Oslo")',
        "Failing()": "a Failing, whose show fails: no way",
        "big(2)^70": "1180591620717411303424",
    }
    assert {code: summary(gate, code) for code in whole} == {
        code: (line, False) for code, line in whole.items()
    }
    partly = {
        "[Failing()]": "1-element ",
        "zeros(200, 200)": "200\u00d7200 ",
        "Any[1]": "1-element ",
        "Dict(i => i for i in 1:100)": "Dict{Int64",
        "(zeros(30, 3), 1)": "(30\u00d73 ",
        "Table()": "3x2 Table",
        "Worded(1)": "Worded thing",
        "Endless()": "ab ab ab ab",
        "Silent()": "Silent",
        "Swallowing()": "a",
        "Drawn()": "Drawn()",
        "big(2)^1_000_000": "a BigInt of many digits",
        '"x"^1000': 'a String of 1000 bytes: "xxxx',
        "fill(pi * 1.0, 16)": "[3.14159",
    }
    for code, beginning in partly.items():
        line, more = summary(gate, code)
        assert line.startswith(beginning), code
        assert more, code
        assert len(line) <= 100
        assert "\n" not in line


@pytest.mark.parametrize("code", ["nothing", "1;", "1; # why", "using Test"])
def test_what_has_nothing_to_show_has_no_line(gate: GateProcess, code: str) -> None:
    assert gate.evaluate(code, quiet="1").reply.names() == ["status", "elapsed", "output"]


def test_making_the_line_can_be_interrupted(gate: GateProcess) -> None:
    assert gate.evaluate(TYPES, quiet="1").status == "ok"
    slow = gate.begin("Slow()", quiet="1")
    gate.wait_running(slow)
    wait_until(lambda: gate.interrupt(slow) == "thrown", "the showing can be interrupted")
    assert gate.finish(slow).status == "interrupted"

"""Lines of the REPL's other modes do what they do there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = pytest.mark.julia

NAMES = 'Base.Text(join(names(Main, all=true, imported=true), " "))'


@pytest.mark.smoke
def test_commands_of_pkg_and_searches_for_help_run_in_their_order(gate: GateProcess) -> None:
    names = gate.value_of(NAMES)
    outcome = gate.evaluate("]activate .\n\nmarked = 1\n  ] activate --shared other\n?Base.sin\n7")
    assert (outcome.status, outcome.value) == ("ok", "7")
    said = outcome.output.decode()
    assert re.search(
        r"^pkg> activate \.\n.*\npkg> activate --shared other\n.*help\?> Base\.sin\n.*Compute sine",
        said,
        re.DOTALL,
    )
    assert "search:" not in said
    gate.evaluate("]activate .")
    # A command has no value.
    assert gate.value_of("ans") == "7"
    assert gate.value_of("marked") == "1"
    assert set(gate.value_of(NAMES).split()) <= {*names.split(), "marked", "ans"}


def test_each_input_of_a_pasted_screen_sees_the_value_of_the_one_before(gate: GateProcess) -> None:
    assert gate.value_of("1") == "1"
    screen = "20 + 1\njulia> y = begin\n    ans + 1\nend;\njulia> ans"
    assert gate.value_of(screen) == "22"
    backtrace = gate.evaluate('1\njulia> \njulia> error("here")').reply.text("backtrace")
    assert re.search(r"eval-\w{8}:3", backtrace)
    # What only looks like a prompt is part of a text.
    assert gate.value_of('"""\njulia> 1\n"""') == r'"julia> 1\n"'


def test_an_unknown_name_brings_similar_ones(gate: GateProcess) -> None:
    said = gate.evaluate("?nosuchthing").output.decode()
    assert "Couldn't find nosuchthing" in said


def test_what_pkg_refuses_is_an_error_without_its_insides(gate: GateProcess) -> None:
    outcome = gate.evaluate("]frobnicate\nran = true")
    assert outcome.status == "error"
    # Up to 1.5 it does not name it.
    assert re.search("frobnicate|Could not determine command", outcome.error)
    assert outcome.reply.text("backtrace") == ""
    assert gate.value_of("@isdefined ran") == "false"


def test_errors_name_the_lines_of_the_whole_code(gate: GateProcess) -> None:
    outcome = gate.evaluate(']activate .\nx = 1\nerror("here")')
    assert re.search(r"eval-\w{8}:3", outcome.reply.text("backtrace"))
    outcome = gate.evaluate("parsed = 1\n]activate .\nf(\n")
    assert re.search(r"eval-\w{8}:[34]", outcome.error)
    assert outcome.output == b""
    assert gate.value_of("@isdefined parsed") == "false"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("[\n1\n]", "1-element"),
        ('"""\n]st\n?sin\n"""', '"]st\\n?sin\\n"'),
        ("#=\n]st\n=#\n2", "2"),
        ("true ?\n1 : 2", "1"),
    ],
)
def test_valid_code_stays_what_it_is(gate: GateProcess, code: str, value: str) -> None:
    outcome = gate.evaluate(code)
    assert (outcome.value or "").startswith(value)
    assert outcome.output == b""


@pytest.mark.parametrize("code", ["]", "f(1)\n])", "x = true\n? 1 : 2", "1 ]st"])
def test_code_that_is_only_wrong_is_a_syntax_error(gate: GateProcess, code: str) -> None:
    outcome = gate.evaluate(code)
    assert outcome.status == "error"
    assert re.search("syntax|ParseError", outcome.error)
    assert outcome.output == b""


def test_a_hidden_value_after_a_command_stays_hidden(gate: GateProcess) -> None:
    assert gate.evaluate("]activate .\n1;").value is None

"""Code in a fence or with prompts is evaluated as meant; anything else is left as it is."""

from __future__ import annotations

import pytest

from kaimond.mcp.pasted_code import unwrapped
from kaimond.mcp.tool import ArgumentError

SCREEN = """\
julia> f(x) = x +
              1
f (generic function with 1 method)

julia> f(1)
2

julia> print("a")
a
"""


@pytest.mark.parametrize(
    "text",
    [
        "```julia\n1 + 1\n```",
        "```\n1 + 1\n```",
        "  ```Julia\n1 + 1\n```\n",
        "~~~jl\n1 + 1\n~~~",
        "````julia\n1 + 1\n````",
        "```julia\r\n1 + 1\r\n```",
        "julia> 1 + 1\n2",
        "julia> 1 + 1",
        "```julia-repl\njulia> 1 + 1\n2\n```",
    ],
)
def test_what_was_pasted_around_code_is_left_out_and_told(text: str) -> None:
    pasted = unwrapped(text)
    assert pasted.code == "1 + 1"
    assert pasted.remark.startswith("(Evaluated without ")


@pytest.mark.parametrize(
    "text",
    [
        "1 + 1",
        "run(```\necho hi\n```)",
        "```echo hi```",
        "```python\n1 + 1\n```",
        "```julia\n1\n```\n```julia\n2\n```",
        'x = "julia> "',
        "",
        "   ",
    ],
)
def test_other_code_is_evaluated_as_it_is(text: str) -> None:
    assert unwrapped(text) == (text, "")


def test_a_screen_of_the_repl_is_its_inputs_with_a_prompt_before_each_further_one() -> None:
    assert unwrapped(SCREEN).code == 'f(x) = x +\n       1\njulia> f(1)\njulia> print("a")'
    assert unwrapped("julia> a\n\njulia> ]st\n\njulia> b\n").code == "a\n]st\nb"


def test_an_indented_screen_is_its_inputs_as_well() -> None:
    assert (
        unwrapped("    julia> a = 1\n    1\n\n    julia> a + 1\n    2").code
        == "a = 1\njulia> a + 1"
    )


def test_input_of_pkgs_mode_and_of_help_on_a_screen_stays_in_its_place() -> None:
    screen = (
        "julia> a = 1\n1\n\n(Proj) pkg> add Example\n  Resolving\n\nhelp?> sin\nsearch: sin\n\n"
    )
    pasted = unwrapped(f"{screen}julia> a\n1\n\n(@v1.12) pkg>\n")
    assert pasted.code == "a = 1\n]add Example\n?sin\na"
    assert pasted.remark
    assert unwrapped("pkg> st").code == "]st"
    assert unwrapped("(Proj) pkg> st -m\nStatus `x`").code == "]st -m"
    assert unwrapped("```\nhelp?> sin\n```").code == "?sin"


@pytest.mark.parametrize("code", ["]st", "?sin", "]add Example\nusing Example", "; \nx = 1", ";"])
def test_what_is_typed_to_get_into_a_mode_is_left_to_the_gate(code: str) -> None:
    assert unwrapped(code) == (code, "")


@pytest.mark.parametrize("text", ["julia> a\n1\n\nshell> ls", "shell> ls", "julia> ;ls", ";ls\n1"])
def test_input_for_the_shell_is_refused_and_nothing_of_the_screen_is_evaluated(text: str) -> None:
    with pytest.raises(
        ArgumentError, match=r"Nothing was evaluated: `.*ls` is input for the shell"
    ):
        unwrapped(text)

"""Types, constants and names that change, with all that was made from what they were before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import GateProcess
from tests.gate_julia.source_package import SourcePackage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.julia


@pytest.fixture(scope="module")
def session(julia_program: Path) -> Iterator[GateProcess]:
    """A session that finds the packages of all tests."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        yield gate


@pytest.fixture
def rebinds(session: GateProcess) -> bool:
    """Whether this Julia can give a name another meaning, as it can from 1.12 on."""
    return session.value_of('VERSION >= v"1.12-"') == "true"


def check(package: SourcePackage, rebinds: bool, code: str, wanted: str) -> None:
    """The value is that of the source, or the answer says which file is not current."""
    value, said = package.evaluate(code), ""
    if value.shows("stale"):
        said = value.reply.text("stale")
    if rebinds:
        assert said == ""
        assert value.value == wanted, value
    else:
        assert f"{package.name}.jl" in said
        assert "restart the session" in said


def test_a_method_that_was_changed_and_then_removed_does_not_come_back(
    session: GateProcess,
) -> None:
    package = SourcePackage(session, "f(x) = 1\nf(x::Int; k=1) = 1").loaded()
    package.body("f(x) = 2\nf(x::Int; k=1) = 2")
    package.body("f(x) = 3\nf(x::Int; k=1) = 3")
    assert package.value("NAME.f(1; k=2), NAME.f('a')") == "(3, 3)"
    package.body("f(x) = 3")
    assert package.value("NAME.f(1), length(methods(NAME.f))") == "(3, 1)"
    package.body("g() = 1")
    assert "MethodError" in package.evaluate("NAME.f(1)").error


def test_of_two_definitions_on_one_line_one_can_go(session: GateProcess) -> None:
    package = SourcePackage(session, "f(; k=1) = 1; g(; k=1) = 2; h() = 3").loaded()
    package.body("g(; k=1) = 2; h() = 4")
    assert package.value("length(methods(NAME.f)), NAME.g(; k=2), NAME.h()") == "(0, 2, 4)"


def test_what_is_made_from_a_type_follows_it(session: GateProcess, rebinds: bool) -> None:
    rest = (
        "struct Outer; s::S; end\nabstract type A{T} end\nstruct Sub <: A{S} end\n"
        "const Alias = S\nconst KEPT = Dict{Int,Alias}()\n"
        "f(s::S) = fieldcount(typeof(s))\ng(s::Alias; k=0) = fieldcount(S) + k\n"
        "h(v::Vector{<:S}) = length(v)\nout(o::Outer) = f(o.s)\nplain() = fieldcount(S)\n"
        "S(x, y, z) = S(x, y)\n"
        "for n in (:p, :q) @eval $n(s::S) = fieldcount(typeof(s)) end\n"
        "macro with(x); esc(x); end\n@with w(s::S) = fieldcount(typeof(s))\n"
        "sub(::A{S}) = 1\nput(s) = (KEPT[1] = s; length(KEPT))"
    )
    package = SourcePackage(session, "struct S; x; y; end\n" + rest).loaded()
    calls = (
        "s = NAME.S(1, 2, 3); NAME.f(s), NAME.g(s; k=1), NAME.h([s]), "
        "NAME.out(NAME.Outer(s)), NAME.plain(), NAME.p(s), NAME.q(s), NAME.w(s), "
        "NAME.sub(NAME.Sub()), NAME.put(s)"
    )
    assert package.value(calls) == "(2, 3, 1, 2, 2, 2, 2, 2, 1, 1)"
    package.body("struct S; x; y; z; S(x, y) = new(x, y, 0); end\n" + rest)
    check(package, rebinds, calls, "(3, 4, 1, 3, 3, 3, 3, 3, 1, 1)")
    if rebinds:
        # No method is left that takes what was an S before.
        assert package.value("length(methods(NAME.f)), length(methods(NAME.w))") == "(1, 1)"
    package.body("struct S; x; y; end\n" + rest)
    assert package.value(calls) == "(2, 3, 1, 2, 2, 2, 2, 2, 1, 1)"


def test_what_is_computed_with_a_constant_follows_it(session: GateProcess, rebinds: bool) -> None:
    text = (
        "const C = {}\nconst D = C + 1\nf(x::Val{{C}}) = :now\nf(x) = :other\n"
        "struct T; x::NTuple{{C,Int}}; end\ninlined() = C * 10\n@enum E{} a b\n"
        "macro m(); C; end\nexpanded() = @m"
    )
    package = SourcePackage(session, text.format(2, " ")).loaded()
    calls = (
        "NAME.D, NAME.f(Val(3)), fieldtype(NAME.T, 1), NAME.inlined(), NAME.expanded(), "
        "length(instances(NAME.E))"
    )
    assert package.value(calls) == f"(3, :other, {session.value_of('NTuple{2,Int}')}, 20, 2, 2)"
    package.body(text.format(3, " c"))
    wanted = session.value_of("NTuple{3,Int}")
    check(package, rebinds, calls, f"(4, :now, {wanted}, 30, 3, 3)")
    package.body(text.format(2, " "))
    assert package.value("NAME.D, NAME.f(Val(3)), NAME.expanded()") == "(3, :other, 2)"


def test_what_is_computed_with_a_variable_follows_it(session: GateProcess) -> None:
    text = "n = {}\nm = n + 1\nf(::Val{{n}}) = :now\nf(x) = :other\ng(n) = n"
    package = SourcePackage(session, text.format(1)).loaded()
    assert package.value("NAME.m, NAME.f(Val(2)), NAME.g(7)") == "(2, :other, 7)"
    package.body(text.format(2))
    assert package.value("NAME.m, NAME.f(Val(2)), NAME.g(7)") == "(3, :now, 7)"
    assert package.value("length(methods(NAME.f))") == "2"


def test_what_another_package_made_from_a_type_follows_it(
    session: GateProcess, rebinds: bool
) -> None:
    package = SourcePackage(session, "export S\nstruct S; x; end").loaded()
    user = SourcePackage(
        session,
        f"using {package.name}\nf(s::S) = 1\ng(s::{package.name}.S) = s.x\nf(x) = 0",
    )
    user.name = f"{package.name}User"
    user.body(user.main)
    code = f"{user.name}.f(NAME.S(1)), {user.name}.g(NAME.S(1))"
    assert user.value("1") == "1"
    assert package.value(code) == "(1, 1)"
    package.body("export S\nstruct S; x; y; end\nS(x::Int) = S(x, 2)")
    check(package, rebinds, code, "(1, 1)")
    package.body("export S\nstruct S; x; end")
    assert package.value(code) == "(1, 1)"


def test_a_name_can_become_another_kind_of_thing(session: GateProcess, rebinds: bool) -> None:
    kinds = ["const X = 1", "X = 2", "X() = 3", "struct X; end", "X::Int = 5", "X::Float64 = 6"]
    shown = "NAME.X isa Number ? NAME.X : NAME.X isa Type ? fieldcount(NAME.X) + 4 : NAME.X()"
    typed = session.value_of('VERSION >= v"1.8"') == "true"
    for before, after in zip(kinds, [*kinds[1:], kinds[0]], strict=True):
        if "::" in before + after and not typed:
            continue
        package = SourcePackage(session, f"{before}\nother() = 1").loaded()
        package.body(f"{after}\nother() = 2")
        outcome = package.evaluate(f"({shown}), NAME.other()")
        if rebinds:
            values = ("1", "2", "3", "4", "5", "6.0")
            wanted = dict(zip(kinds, values, strict=True))
            assert not outcome.shows("stale"), (before, after, outcome)
            assert outcome.value == f"({wanted[after]}, 2)", (before, after)
        elif not outcome.shows("stale"):
            assert before == "X = 2", (before, after)
        package.body(f"{before}\nother() = 1")
        assert package.value("NAME.other()") == "1"


def test_a_name_that_is_gone_from_the_files_is_gone_or_told(
    session: GateProcess, rebinds: bool
) -> None:
    package = SourcePackage(session, "const C = 1\nstruct S; end\nv = 3\nf() = C").loaded()
    assert package.value("NAME.f()") == "1"
    package.body("f() = C")
    outcome = package.evaluate("isdefined(NAME, :C), isdefined(NAME, :S), isdefined(NAME, :v)")
    assert outcome.value == ("(false, false, false)" if rebinds else "(true, true, true)")
    assert outcome.shows("stale") != rebinds
    if rebinds:
        assert "UndefVarError" in package.evaluate("NAME.f()").error
    package.body("const C = 1\nstruct S; end\nv = 3\nf() = C")
    assert package.value("NAME.f(), NAME.S(), NAME.v").startswith("(1, ")


def test_a_constant_that_a_variable_is_in_follows_it(session: GateProcess, rebinds: bool) -> None:
    """The last one here, because before Julia 1.12 it is told in every answer from then on."""
    package = SourcePackage(session, "n = 1\nconst M = n + 1").loaded()
    package.body("n = 2\nconst M = n + 1")
    check(package, rebinds, "NAME.M", "3")

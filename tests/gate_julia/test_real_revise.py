"""The gate beside real Revise, from checkouts in the folder that KAIMON_REVISE_PATH names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import GateProcess
from tests.gate_julia.reviser_checks import (
    check_that_a_syntax_error_is_told_until_it_is_mended,
)
from tests.gate_julia.source_package import SourcePackage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = os.environ.get("KAIMON_REVISE_PATH", "")

pytestmark = [
    pytest.mark.julia,
    pytest.mark.revise,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FOLDER, reason="KAIMON_REVISE_PATH is not set"),
]


@pytest.fixture(scope="module")
def session(julia_program: Path) -> Iterator[GateProcess]:
    """A session whose load path has Revise, and a folder for packages."""
    environment = {"JULIA_LOAD_PATH": f"@:{FOLDER}:@stdlib", "KAIMON_REVISE": "auto"}
    with GateProcess(julia_program, environment=environment) as gate:
        gate.ready()
        # Revise is compiled for the depot of this session.
        first = gate.begin(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        gate.finish(first, timeout=300)
        # So is the taking up of a first change, which takes several seconds.
        warm = SourcePackage(gate, "f() = 1")
        warm.name = "Warm"
        warm.body("f() = 1")
        gate.finish(gate.begin("import Warm"), timeout=300)
        warm.body("f() = 2")
        gate.finish(gate.begin("1"), timeout=300)
        gate.evaluate(
            "const Revised = Base.loaded_modules[Base.PkgId(Base.UUID("
            '"295af30f-e4ad-537b-8983-00126c2a3abe"), "Revise")]; nothing'
        )
        yield gate


def test_revise_is_there_before_the_users_packages_and_tracks_them(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1"}).loaded()
    tracked = session.ping().text("tracked")
    assert tracked.startswith("Revise 3.")
    assert f"{package.name} (2 files)" in tracked.partition("built-in")[0]


def test_the_reports_recipe(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1"}).loaded()
    package.write("a.jl", "f() = g() + A\ng() = B\nconst A = 1\nconst B = 2")
    assert package.value("NAME.f(), NAME.g(), NAME.A, NAME.B") == "(3, 2, 1, 2)"
    assert package.value("NAME.f()") == "3"


def test_every_edit_is_seen_by_the_next_eval(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 0"}).loaded()
    for number in range(1, 13):
        (package.write, package.replace)[number % 2]("a.jl", f"f() = {number}")
        outcome = package.evaluate("NAME.f()")
        assert outcome.value == str(number)
        assert not outcome.shows("stale")
        assert outcome.reply.text("reloaded").endswith("/src/a.jl")


def test_revise_is_called_for_a_change_and_for_nothing_else(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    # Whenever it is called, Revise calls what is in this queue.
    session.evaluate(
        "const calls = Ref(0); Revised.user_callbacks_by_key[:calls] = () -> calls[] += 1"
    )
    queue = "push!(Revised.user_callbacks_queue, :calls); nothing"
    session.evaluate(queue)
    for _ in range(3):
        outcome = package.evaluate("NAME.f(), calls[]")
        assert outcome.value == "(1, 0)"
        assert not outcome.shows("reloaded")
    package.body("f() = 2")
    assert package.value("NAME.f(), calls[]") == "(2, 1)"


def test_calling_revise_oneself_works_as_usual(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    path = package.path(f"{package.name}.jl")
    outcome = package.evaluate(
        f'write("{path}", "module NAME\\nf() = 2\\nend"); sleep(1); '
        "Base.invokelatest(Revised.revise); Base.invokelatest(NAME.f)"
    )
    assert outcome.value == "2"
    assert package.value("NAME.f()") == "2"


def test_what_does_not_parse_is_told_with_its_line_until_it_does(session: GateProcess) -> None:
    check_that_a_syntax_error_is_told_until_it_is_mended(session)


def test_what_throws_is_told_and_tried_again(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1\nflag = Ref(false)").loaded()
    package.body('f() = 2\nflag = Ref(false)\nNAME.flag[] || error("not yet")')
    said = package.stale()[1]
    assert "not yet" in said
    package.body("f() = 3\nflag = Ref(false)")
    assert package.value("NAME.f()") == "3"


def test_deleted_methods_and_files_go_and_come_back(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1\ng() = 1"}).loaded()
    package.write("a.jl", "f() = 1")
    assert package.value("length(methods(NAME.g))") == "0"
    package.path("a.jl").unlink()
    value, said = package.stale("NAME.f()")
    assert value == "1"
    assert "a.jl: the file is missing" in said
    package.write("a.jl", "f() = 2")
    assert package.value("NAME.f()") == "2"
    package.path("a.jl").rename(package.path("b.jl"))
    package.body('include("b.jl")')
    assert package.value("NAME.f()") == "2"
    package.write("b.jl", "f() = 3")
    assert package.value("NAME.f()") == "3"


def test_a_struct_and_a_constant_that_changed_are_told(session: GateProcess) -> None:
    package = SourcePackage(session, "struct S; x; end\nf() = 1").loaded()
    package.body("struct S; x; y; end\nf() = 1")
    outcome = package.evaluate("fieldcount(NAME.S)")
    assert outcome.shows("stale") == (outcome.value == "1")
    package.body("struct S; x; end\nf() = 2")
    assert package.value("NAME.f()") == "2"
    # What stays said until a restart comes last.
    package = SourcePackage(session, "const C = 1\nf() = C").loaded()
    assert package.value("NAME.f()") == "1"
    package.body("const C = 2\nf() = C")
    outcome = package.evaluate("NAME.f()")
    assert outcome.shows("stale") or outcome.value == "2"


def test_what_was_made_from_a_type_or_a_constant_that_changed_is_told(
    session: GateProcess,
) -> None:
    """Before Julia 1.12 the type or the constant itself is told; this too comes last."""
    text = "struct S; x; {}end\nconst C = {}\nf(s::S) = 1\nf(s) = 0\nconst D = C + 1\ng() = 1"
    package = SourcePackage(session, text.format("", 1)).loaded()
    assert package.value("NAME.D, NAME.g()") == "(2, 1)"
    package.body(text.format("S(x) = new(x); ", 1))
    package.body(text.format("y; ", 2))
    outcome = package.evaluate("NAME.D, hasfield(NAME.S, :y)")
    said = outcome.reply.text("stale")
    assert f"{package.name}.jl:" in said
    assert "restart the session" in said
    if session.value_of('VERSION >= v"1.12-"') == "true":
        assert "was made from what" in said

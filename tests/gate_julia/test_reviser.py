"""An answer is computed with the source on the disk, or says what is not current."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import CHECKOUT, GateProcess, wait_until
from tests.gate_julia.reviser_checks import (
    check_that_a_syntax_error_is_told_until_it_is_mended,
)
from tests.gate_julia.source_package import SourcePackage

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.julia


@pytest.fixture(scope="module")
def session(julia_program: Path) -> Iterator[GateProcess]:
    """A session that finds the packages of all tests."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        yield gate


def test_a_changed_body_a_new_function_and_new_constants_are_there_at_the_next_eval(
    session: GateProcess,
) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body("f() = 2\nnewfn(x; y=1) = x + y\nconst NEW_A = 3\nconst NEW_B = [4]")
    assert package.value("NAME.f(), NAME.newfn(1), NAME.NEW_A, NAME.NEW_B") == "(2, 2, 3, [4])"


def test_what_was_taken_up_is_told_once(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1\ng() = 1"}).loaded()
    package.write("a.jl", "f() = 2\ng() = 1\nh() = 3")
    assert package.reloaded() == ["a.jl: 2 definitions"]
    assert package.reloaded() == []


def test_a_touch_is_no_change(session: GateProcess) -> None:
    package = SourcePackage(session, "counter = Ref(0)").loaded()
    assert package.value("NAME.counter[] += 1") == "1"
    package.path(f"{package.name}.jl").touch()
    assert package.reloaded() == []
    assert package.value("NAME.counter[]") == "1"


def test_an_edit_taken_back_leaves_no_trace(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body("f() = 2\ng() = 3")
    assert package.value("NAME.f()") == "2"
    package.body("f() = 1")
    assert package.value("NAME.f(), length(methods(NAME.g))") == "(1, 0)"


def test_two_edits_of_one_size_within_one_tick_of_the_clock_are_both_seen(
    session: GateProcess,
) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    path = package.path(f"{package.name}.jl")
    for number in range(2, 10):
        package.body(f"f() = {number}")
        os.utime(path, (time.time(), 1e9))
        assert package.value("NAME.f()") == str(number)


def test_a_file_renamed_over_the_old_one_is_seen(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1"}).loaded()
    package.replace("a.jl", "f() = 2")
    assert package.value("NAME.f()") == "2"


def test_other_line_ends_change_nothing(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1\ng() = 2\ncounter = Ref(5)").loaded()
    package.value("NAME.counter[] += 1")
    package.body("f() = 1\r\ng() = 2\r\ncounter = Ref(5)\r")
    assert package.reloaded("NAME.counter[]") == []
    package.body("f() = 1\r\ng() = 3\r\ncounter = Ref(5)\r")
    assert package.value("NAME.g(), NAME.counter[]") == "(3, 6)"


def test_what_is_gone_from_the_file_is_gone_from_the_session(session: GateProcess) -> None:
    package = SourcePackage(
        session, "f(x) = 1\nf(x::Int; k=2) = k\nstruct P end\nBase.length(::P) = 7\n(p::P)(x) = x"
    ).loaded()
    assert package.value("NAME.f(1; k=3), length(NAME.P()), NAME.P()(5)") == "(3, 7, 5)"
    package.body("f(x) = 1\nstruct P end")
    assert package.value("NAME.f(1)") == "1"
    for code in ("NAME.f(1; k=3)", "length(NAME.P())", "NAME.P()(5)"):
        assert "MethodError" in package.evaluate(code).error


def test_a_changed_signature_leaves_no_old_method(session: GateProcess) -> None:
    package = SourcePackage(session, "f(x, y=2; k=1) = x + y + k").loaded()
    package.body("f(x::String) = x")
    assert package.value('NAME.f("a")') == '"a"'
    assert package.value("length(methods(NAME.f))") == "1"


def test_the_last_of_equal_signatures_counts_whichever_changes(session: GateProcess) -> None:
    package = SourcePackage(session, "f(x) = 1").loaded()
    package.body("f(y) = 2\nf(x) = 1")
    assert package.value("NAME.f(0)") == "1"
    package.body("f(y) = 2")
    assert package.value("NAME.f(0)") == "2"
    package.body("f(y) = 2\nf(z) = 3")
    assert package.value("NAME.f(0)") == "3"
    package.body("f(y) = 2")
    assert package.value("NAME.f(0)") == "2"


def test_files_of_nested_modules_are_followed(session: GateProcess) -> None:
    package = SourcePackage(
        session,
        'module Inner\ninclude(joinpath(@__DIR__, "sub", "a.jl"))\nmodule Core2\ng() = 1\nend\nend',
        {"sub/a.jl": 'f() = 1\ninclude("b.jl")', "sub/b.jl": "h() = 1"},
    ).loaded()
    package.write("sub/b.jl", "h() = @__MODULE__")
    assert package.value("NAME.Inner.h() === NAME.Inner") == "true"
    package.body(
        'module Inner\ninclude(joinpath(@__DIR__, "sub", "a.jl"))\nmodule Core2\ng() = 2\nend\nend'
    )
    assert package.value("NAME.Inner.Core2.g(), NAME.Inner.f()") == "(2, 1)"


def test_a_new_module_and_a_new_include_are_taken_up_and_followed(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.write("new.jl", "g() = 1")
    package.body('f() = 1\nmodule Fresh\ninclude("new.jl")\nend\nusing .Fresh: g')
    assert package.value("NAME.g()") == "1"
    package.write("new.jl", "g() = 2\nstruct S; x; end")
    assert package.value("NAME.g(), NAME.Fresh.S(3).x") == "(2, 3)"


def test_a_changed_macro_changes_what_uses_it(session: GateProcess) -> None:
    package = SourcePackage(
        session,
        "macro m(); 1; end\nmacro n(); :(@m); end\nf() = @m\ng() = @n\nk() = 0",
    ).loaded()
    assert package.value("NAME.f(), NAME.g()") == "(1, 1)"
    package.body("macro m(); 2; end\nmacro n(); :(@m); end\nf() = @m\ng() = @n\nk() = 0")
    assert package.value("NAME.f(), NAME.g()") == "(2, 2)"


def test_a_function_that_a_macro_calls_changes_what_uses_the_macro(session: GateProcess) -> None:
    text = (
        "inner(x) = x * {}\nhelper(x) = inner(x) + 1\nmacro m(x); helper(x); end\n"
        "later() = {}\nmacro q(); :(later()); end\n"
        "f() = @m(1)\nconst C = @q\ng() = @q"
    )
    package = SourcePackage(session, text.format(1, 1)).loaded()
    assert package.value("NAME.f(), NAME.g()") == "(2, 1)"
    package.body(text.format(2, 1))
    assert package.value("NAME.f(), NAME.g()") == "(3, 1)"
    # What a macro only quotes is called where it is used, so that nothing is expanded anew.
    package.body(text.format(2, 2))
    assert package.value("NAME.f(), NAME.g(), NAME.C") == "(3, 2, 1)"


def test_a_docstring_is_text_like_any_other(session: GateProcess) -> None:
    package = SourcePackage(session, '"old words"\nf() = 1').loaded()
    package.body('"new words"\nf() = 1')
    assert "new words" in package.value("string(@doc NAME.f)")
    package.body("f() = 1")
    assert "words" not in package.value("string(@doc NAME.f)")
    assert package.evaluate("1").output == b""


def test_definitions_made_in_a_loop_come_and_go(session: GateProcess) -> None:
    package = SourcePackage(session, "for n in (:a, :b)\n@eval $n() = 1\nend").loaded()
    package.body("for n in (:b, :c)\n@eval $n() = 2\nend")
    assert package.value("length(methods(NAME.a)), NAME.b(), NAME.c()") == "(0, 2, 2)"
    package.body("for n in (:b, :c)\n@eval $n() = 3\nend")
    assert package.value("NAME.b(), NAME.c()") == "(3, 3)"


def test_methods_of_other_modules_made_in_a_loop_come_and_go(session: GateProcess) -> None:
    loop = "struct P; x; end\nfor op in ({}) @eval Base.$op(a::P, b::P) = $op(a.x, b.x) {} end"
    package = SourcePackage(session, loop.format(":+, :-", "+ 0")).loaded()
    package.body(loop.format(":+, :-", "+ 1"))
    assert package.value("NAME.P(5) + NAME.P(3), NAME.P(5) - NAME.P(3)") == "(9, 3)"
    package.body(loop.format(":+,", "+ 1"))
    assert package.value("NAME.P(5) + NAME.P(3)") == "9"
    assert "MethodError" in package.evaluate("NAME.P(5) - NAME.P(3)").error


def test_a_checkout_of_another_branch_is_taken_up_at_once(session: GateProcess) -> None:
    """Two hundred files change; one is gone, one has another name, one is new."""
    package = SourcePackage(session, "")
    package.name = "Branches"
    source = package.path(".")

    def git(*words: str) -> None:
        settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "gc.auto=0")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", *settings, *words]
        subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)

    def commit(version: int, names: list[str]) -> None:
        for path in source.glob("*.jl"):
            path.unlink()
        for number, name in enumerate(names):
            text = "\n".join(f'"doc"\nf{number}_{n}(x) = {version} + x' for n in range(3))
            package.write(name, text)
        package.body("\n".join(f'include("{name}")' for name in names))
        git("add", "--all", ".")
        git("commit", "--quiet", "--message", "state")

    source.mkdir(parents=True)
    git("init", "--quiet")
    git("checkout", "--quiet", "-b", "one")
    commit(1, [f"f{number}.jl" for number in range(200)])
    git("checkout", "--quiet", "-b", "two")
    commit(2, [f"f{number}.jl" for number in range(198)] + ["other.jl"])
    git("checkout", "--quiet", "one")
    total = "sum(Base.invokelatest(getfield(NAME, f), 0) for f in names(NAME, all=true) "
    total += "if startswith(string(f), 'f') && !isempty(methods(getfield(NAME, f))))"
    assert package.value(total) == "600"
    git("checkout", "--quiet", "two")
    outcome = package.evaluate(total)
    assert outcome.value == "1194"
    assert not outcome.shows("stale")
    git("checkout", "--quiet", "one")
    assert package.value(total) == "600"


def test_revise_is_told_of_every_edit_and_its_errors_are_told(julia_program: Path) -> None:
    """By a stand-in that has the tables which are the same in all versions."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        revise = SourcePackage(
            gate,
            "revision_queue = Set()\nqueue_errors = Dict()\npkgdatas = Dict()\ncalls = []\n"
            "revise() = (push!(calls, sort!([last(x) for x in revision_queue])); "
            "empty!(revision_queue))",
        )
        revise.name = "Revise"
        revise.body(revise.main)
        (revise.path("Revise.jl").parents[1] / "Project.toml").write_text(
            'name = "Revise"\nuuid = "295af30f-e4ad-537b-8983-00126c2a3abe"\nversion = "9.8.7"\n'
        )
        assert revise.value("length(NAME.calls)") == "0"
        package = SourcePackage(gate, 'include("a.jl")', {"a.jl": "f() = 1\nconst C = 1"})
        package.name = "Followed"
        root = package.path("x").parents[1]
        gate.evaluate(
            f'd = (info=(basedir="{root}", files=["src/Followed.jl", "src/a.jl"]),); '
            'Revise.pkgdatas[Base.PkgId("Followed")] = d'
        )
        package.write("a.jl", package.files["a.jl"])
        package.body(package.main)
        assert package.value("Main.Revise.calls") == "Any[]"
        tracked = gate.ping().text("tracked")
        assert tracked == (
            "Revise 9.8.7 tracks Followed (2 files), built-in reviser tracks Revise (1 file)"
        )

        package.write("a.jl", "f() = 2\nconst C = 1")
        outcome = package.evaluate("last(Main.Revise.calls)")
        assert outcome.value is not None
        assert "src/a.jl" in outcome.value
        assert "src/Followed.jl" not in outcome.value
        assert outcome.reply.text("reloaded").endswith("Followed/src/a.jl")
        calls = package.value("length(Main.Revise.calls)")
        assert package.value("length(Main.Revise.calls)") == calls

        # What Revise says of a file, what it does not say of a constant, and what it cannot say.
        gate.evaluate(
            'Revise.queue_errors[(d, "src/a.jl")] = '
            '((exc=ErrorException("bad"), loc="/p/a.jl:7"), 0); nothing'
        )
        assert "a.jl:7: Revise: bad; it is tried again" in package.stale()[1]
        gate.evaluate("empty!(Revise.queue_errors)")
        gate.evaluate('filter!(name -> name != "src/a.jl", d.info.files)')
        package.write("a.jl", "f() = 3\nconst C = 1")
        assert "Revise no longer follows it since it was missing; restart" in package.stale()[1]
        gate.evaluate('push!(d.info.files, "src/a.jl")')
        package.write("a.jl", "f() = 3\nconst C = 2")
        outcome = package.evaluate('VERSION >= v"1.12-"')
        assert outcome.shows("stale") == (outcome.value == "false")


def test_code_that_does_not_parse_is_told_with_its_line_until_it_does(
    session: GateProcess,
) -> None:
    check_that_a_syntax_error_is_told_until_it_is_mended(session)


def test_what_the_parser_says_is_told_without_its_drawings(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body("f() = 2\n\ng() = )")
    said = package.stale()[1]
    assert f"{package.name}.jl:4: syntax error: unexpected " in said
    package.body("f() = 3")
    assert package.value("NAME.f()") == "3"


def test_code_that_throws_is_told_and_tried_again(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1\nflag = Ref(false)").loaded()
    package.body('f() = 2\nflag = Ref(false)\nflag[] || error("not yet")\nh() = 3')
    value, said = package.stale("NAME.f(), NAME.h()")
    assert value == "(2, 3)"
    assert f"{package.name}.jl:4: not yet" in said
    package.evaluate("NAME.flag[] = true")
    assert package.value("NAME.f()") == "2"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("struct S; x; end", "struct S; x; y; end", "the type S"),
        ("const C = 1", "const C = 2", "the constant C"),
    ],
)
def test_what_julia_cannot_change_needs_a_restart_unless_taken_back(
    session: GateProcess, old: str, new: str, what: str
) -> None:
    package = SourcePackage(session, f"{old}\nf() = 1").loaded()
    package.body(f"{new}\nf() = 2")
    outcome = package.evaluate("NAME.f()")
    if session.value_of('VERSION >= v"1.12-"') == "true":
        assert outcome.value == "2"
        assert not outcome.shows("stale")
        return
    assert package.stale("NAME.f()")[0] == "2"
    said = package.stale()[1]
    assert f"{package.name}.jl:2: {what} changed" in said
    assert "restart the session, or undo the change" in said
    package.body(f"{old}\nf() = 2")
    assert package.value("NAME.f()") == "2"


def test_a_constant_and_an_export_that_were_removed_are_told(session: GateProcess) -> None:
    package = SourcePackage(session, "const C = 1\nexport f\nf() = 1").loaded()
    package.body("f() = 1")
    said = package.stale()[1]
    if session.value_of('VERSION >= v"1.12-"') == "true":
        assert "`export f` was removed and stays in effect; restart" in said
    else:
        assert "C was removed and is still defined (and 1 more)" in said
    package.body("const C = 1\nexport f\nf() = 1")
    assert package.value("NAME.f()") == "1"


def test_a_file_that_is_missing_is_told_and_its_code_stays(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1"}).loaded()
    package.path("a.jl").unlink()
    value, said = package.stale("NAME.f()")
    assert value == "1"
    assert "a.jl: the file is missing" in said
    package.write("a.jl", "f() = 2")
    assert package.value("NAME.f()") == "2"


def test_a_file_that_moves_takes_its_code_along(session: GateProcess) -> None:
    text = "struct S; x; end\nconst D = Dict()\nf() = 1"
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": text}).loaded()
    package.value("NAME.D[1] = NAME.S(2); 1")
    package.path("a.jl").rename(package.path("b.jl"))
    package.body('include("b.jl")')
    assert package.value("NAME.D[1].x, NAME.f()") == "(2, 1)"
    package.write("b.jl", text.replace("f() = 1", "f() = 2"))
    assert package.value("NAME.f()") == "2"


def test_a_file_no_longer_included_is_gone(session: GateProcess) -> None:
    package = SourcePackage(session, 'include("a.jl")\ng() = 1', {"a.jl": "f() = 1"}).loaded()
    package.body("g() = 1")
    assert package.value("length(methods(NAME.f))") == "0"


def test_a_new_method_has_the_line_that_it_is_on(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body('\n\n\nf() = error("here")')
    outcome = package.evaluate("NAME.f()")
    assert f"{package.name}.jl:5" in outcome.reply.text("backtrace")


def test_an_include_that_nobody_can_follow_is_named_and_an_if_is_followed(
    session: GateProcess,
) -> None:
    package = SourcePackage(
        session,
        'for n in ("a",)\ninclude(n * ".jl")\nend\nif VERSION >= v"1.0"\ninclude("b.jl")\nend',
        {"a.jl": "f() = 1", "b.jl": "g() = 1"},
    ).loaded()
    tracked = session.ping().text("tracked")
    assert f"{package.name} (2 files; not tracked: " in tracked
    assert f"{package.name}.jl:2 (dynamic include)" in tracked
    package.write("b.jl", "g() = 2")
    assert package.value("NAME.g()") == "2"


def test_an_edit_while_its_package_is_loading_is_seen(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    other = SourcePackage(session, "g() = 1")
    other.name = f"{package.name}Late"
    other.body("g() = 1")
    path = other.path(f"{other.name}.jl")
    outcome = session.evaluate(
        f'import {other.name}; write("{path}", replace(read("{path}", String), "= 1" => "= 2")); '
        f"{other.name}.g()"
    )
    assert outcome.value == "1"
    assert other.value("NAME.g()") == "2"


def test_an_edit_while_a_package_without_cache_is_loading_is_seen_or_told(
    julia_program: Path,
) -> None:
    with GateProcess(julia_program, flags=("--compiled-modules=no",)) as gate:
        gate.ready()
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        package = SourcePackage(gate, "f() = 1\nconst C = 1").loaded()
        assert package.value("NAME.f()") == "1"
        package.body("f() = 2\nconst C = 1")
        assert package.value("NAME.f()") == "2"
        late = SourcePackage(gate, "")
        late.name = "Late"
        late.body("f() = 1\nconst C = 1")
        path = late.path("Late.jl")
        gate.evaluate(
            f'import Late; write("{path}", replace(read("{path}", String), "= 1" => "= 2"))'
        )
        value, said = late.stale("NAME.f()")
        assert value == "2"
        assert "src/Late.jl:3: it changed while Late was being loaded" in said


def test_an_interrupt_while_code_is_taken_up_loses_none_of_it(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body("f() = 2\nsleep(100)\ng() = 3")
    eval_id = session.begin(f"{package.name}.f()")
    session.wait_running(eval_id)
    outcome = session.interrupt_safely(eval_id)
    assert outcome.status == "interrupted"
    package.body("f() = 2\ng() = 3")
    assert package.value("NAME.f(), NAME.g()") == "(2, 3)"


def test_off_takes_up_nothing_and_says_nothing(session: GateProcess) -> None:
    package = SourcePackage(session, "f() = 1").loaded()
    package.body("f() = 2")
    outcome = session.evaluate(f"{package.name}.f()", revise="off")
    assert outcome.value == "1"
    assert not outcome.shows("reloaded")
    assert package.value("NAME.f()") == "2"


@pytest.mark.smoke
def test_the_project_and_what_it_is_developed_with_are_followed(julia_program: Path) -> None:
    with GateProcess(julia_program, project_copy=CHECKOUT / "examples" / "MyPkg") as gate:
        gate.ready()
        assert gate.value_of("using MyPkg, Printf; MyPkg.to_celsius(212)") == "100.0"
        tracked = gate.ping().text("tracked")
        assert "MyPkg (7 files)" in tracked
        assert "MyDep (1 file)" in tracked
        assert "Printf" not in tracked
        source = gate.project / "lib" / "MyDep" / "src" / "MyDep.jl"
        text = source.read_text().replace("* 5 / 9", "* 50 / 9")
        source.write_text(text.replace("module MyDep\n", "module MyDep\nconst A = 1\nnew() = A\n"))
        outcome = gate.evaluate("MyPkg.to_celsius(212), MyPkg.MyDep.new()")
        assert outcome.value == "(1000.0, 1)"
        assert outcome.reply.text("reloaded") == "lib/MyDep/src/MyDep.jl: 3 definitions"


def test_random_edits_are_never_stale_without_a_warning(session: GateProcess) -> None:
    """Random states of two files; what holds after each is told by a model."""
    dice = random.Random(5)
    package = SourcePackage(
        session, 'include("a.jl")\ninclude("b.jl")', {"a.jl": "", "b.jl": ""}
    ).loaded()
    state: dict[str, dict[str, int]] = {"a.jl": {}, "b.jl": {}}
    broken: set[str] = set()
    shown: dict[str, dict[str, int]] = {"a.jl": {}, "b.jl": {}}
    for step in range(60):
        name = dice.choice(["a.jl", "b.jl"])
        functions = state[name]
        prefix = name[0]
        match dice.choice(["set", "set", "drop", "break", "touch"]):
            case "set":
                functions[f"{prefix}{dice.randrange(4)}"] = step
            case "drop" if functions:
                del functions[dice.choice(sorted(functions))]
            case "break":
                broken.add(name)
            case _:
                pass
        if name in broken and dice.random() < 0.5:
            broken.discard(name)
        text = "\n".join(
            f"{key}() = {value}"
            for key, value in dice.sample(sorted(functions.items()), len(functions))
        )
        text += "\nfunction (" if name in broken else ""
        dice.choice([package.write, package.replace])(name, text)
        if name not in broken:
            shown[name] = dict(functions)
        expected = {**shown["a.jl"], **shown["b.jl"]}
        names = [f"{p}{n}" for p in "ab" for n in range(4)]
        calls = ", ".join(
            f"(try; Base.invokelatest(NAME.{each}); catch; -1; end)" for each in names
        )
        outcome = package.evaluate(f"({calls})")
        wanted = ", ".join(str(expected.get(each, -1)) for each in names)
        assert outcome.value == f"({wanted})", (step, outcome)
        assert outcome.shows("stale") == bool(broken), (step, outcome)
        if dice.random() < 0.3:
            time.sleep(dice.random() * 0.02)
    for name in broken:
        package.write(name, "")
    package.value("1")


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not tell")
def test_what_has_not_changed_is_not_read_again(session: GateProcess) -> None:
    package = SourcePackage(session, "\n".join(f'include("f{n}.jl")' for n in range(99)))
    package.files = {f"f{n}.jl": f"f{n}() = {n} #{'-' * 4000}" for n in range(99)}
    package.loaded()

    def taken_in() -> int:
        """How many bytes the session has read so far."""
        code = 'match(r"rchar: ([0-9]+)", read("/proc/self/io", String))[1]'
        return int(session.evaluate(f"parse(Int, {code})").value or "")

    def is_spared() -> bool:
        before = taken_in()
        for _ in range(5):
            session.evaluate("1 + 1")
        return taken_in() - before < 99 * 4000

    # Before that another write could leave the same times, and the files are read each time.
    wait_until(is_spared, "the files are not read any more")
    package.write("f7.jl", "f7() = 700")
    assert package.value("NAME.f7(), NAME.f8()") == "(700, 8)"

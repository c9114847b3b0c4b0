"""Which Julias the suite runs on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import find_or_fetch
import pytest
import run_gate_tests
from find_or_fetch import SUPPORTED, NoJuliaError

from kaimond.toolchain import juliaup
from tests.packaging.fake_julias import make_julia, write_juliaup
from tests.support import julia_environment
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_fetch")


def versions(environment: dict[str, str], checkout: Path) -> list[str]:
    return [julia.version for julia in find_or_fetch.find_all(environment, checkout).julias]


def test_those_that_julias_names_are_all_and_the_newest_comes_first(
    tmp_path: Path, checkout: Path
) -> None:
    make_julia(tmp_path / "bin" / "julia", "1.11.0")
    make_julia(checkout / ".julia" / "bin" / "julia", "1.5.3")
    named = [
        make_julia(tmp_path / name / "julia", version)
        for name, version in {
            "a": "1.9.4",
            "b": "1.12.0-rc1",
            "c": "1.10.10",
            "d": "1.12.0",
            "e": "1.13.0-DEV.12",
            "f": "1.10.8",
        }.items()
    ]
    environment = {"JULIAS": "\n ".join(map(str, named)), "PATH": str(tmp_path / "bin")}

    at_hand = find_or_fetch.find_all(environment, checkout)
    assert [julia.version for julia in at_hand.julias] == [
        "1.13.0-DEV.12",
        "1.12.0",
        "1.12.0-rc1",
        "1.10.10",
        "1.10.8",
        "1.9.4",
    ]
    assert at_hand.preferred.path == named[0]
    assert at_hand.passed_over == ()


def test_where_one_is_enough_it_is_the_one_chosen_for_that(tmp_path: Path, checkout: Path) -> None:
    one = make_julia(tmp_path / "one" / "julia", "1.12.5")
    two = make_julia(tmp_path / "two" / "julia", "1.10.8")
    environment = {"JULIAS": str(one), "KAIMON_JULIA": str(two), "PATH": ""}
    assert find_or_fetch.find(environment, checkout).path == two
    assert versions(environment, checkout) == ["1.12.5"]


def test_julias_may_name_programs_on_path(tmp_path: Path, checkout: Path) -> None:
    program = make_julia(tmp_path / "julia-1.12", "1.12.5")
    environment = {"JULIAS": "julia-1.12", "PATH": str(tmp_path)}
    (julia,) = find_or_fetch.find_all(environment, checkout).julias
    assert julia.path == program


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("exit 127", "does not answer like a Julia"),
        ("echo julia version 1.4.2", "needs 1.5 or newer"),
        ("", "which is no program"),
    ],
)
def test_one_in_julias_that_does_not_run_is_an_error_that_names_it(
    tmp_path: Path, checkout: Path, script: str, complaint: str
) -> None:
    good = make_julia(tmp_path / "good" / "julia")
    bad = tmp_path / "bad" / "julia"
    if script:
        make_julia(bad, script=script)
    for look in (find_or_fetch.find, find_or_fetch.find_all, find_or_fetch.find_or_fetch):
        with pytest.raises(NoJuliaError) as caught:
            look({"JULIAS": f"{good} {bad}", "PATH": ""}, checkout)
        assert f"JULIAS names '{bad}'" in str(caught.value)
        assert complaint in str(caught.value)


def test_two_of_one_version_in_julias_are_an_error_that_names_both(
    tmp_path: Path, checkout: Path
) -> None:
    one = make_julia(tmp_path / "one" / "julia", "1.12.5")
    two = make_julia(tmp_path / "two" / "julia", "1.12.5")
    with pytest.raises(NoJuliaError) as caught:
        find_or_fetch.find_all({"JULIAS": f"{one} {two}", "PATH": ""}, checkout)
    assert f"JULIAS names Julia 1.12.5 twice: {one} and {two}" in str(caught.value)


def test_without_julias_they_are_the_one_in_use_and_those_of_juliaup(
    tmp_path: Path, checkout: Path
) -> None:
    depot = tmp_path / "depot"
    bundle = "julia-1.9.4/Julia-1.9.app/Contents/Resources/julia/bin/julia"
    make_julia(depot / "juliaup" / "julia-1.12.5" / "app" / "julia", "1.12.5")
    make_julia(depot / "juliaup" / "julia-1.10.8" / "bin" / "julia", "1.10.8")
    make_julia(depot / "juliaup" / bundle, "1.9.4")
    write_juliaup(
        depot,
        {
            "1.12.5+0.x64": {"Path": "./julia-1.12.5", "BinaryPath": "./julia-1.12.5/app/julia"},
            "1.10.8+0.x64": {"Path": "./julia-1.10.8"},
            "1.9.4+0.aarch64": {"Path": "./julia-1.9.4"},
        },
    )
    make_julia(checkout / ".julia" / "bin" / "julia", "1.5.3")
    on_path = make_julia(tmp_path / "bin" / "julia", "1.11.2")
    own = make_julia(tmp_path / "own" / "julia", "1.9.0")
    environment = {"JULIAUP_DEPOT_PATH": str(depot), "PATH": str(on_path.parent)}

    assert versions(environment, checkout) == ["1.12.5", "1.11.2", "1.10.8", "1.9.4"]
    assert find_or_fetch.find(environment, checkout).path == on_path
    environment["KAIMON_JULIA"] = str(own)
    assert versions(environment, checkout) == ["1.12.5", "1.10.8", "1.9.4", "1.9.0"]
    assert find_or_fetch.find(environment, checkout).path == own
    del environment["KAIMON_JULIA"]
    environment["PATH"] = "/nowhere"
    assert versions(environment, checkout) == ["1.12.5", "1.10.8", "1.9.4"]


def test_a_version_of_juliaup_that_is_in_use_already_counts_once(
    tmp_path: Path, checkout: Path
) -> None:
    binary = make_julia(tmp_path / ".julia" / "juliaup" / "x" / "bin" / "julia", "1.12.5")
    write_juliaup(tmp_path / ".julia", {"1.12.5": {"Path": "./x"}})
    launcher = make_julia(tmp_path / "bin" / "julia", "1.12.5")
    environment = {"HOME": str(tmp_path), "PATH": str(launcher.parent)}
    (julia,) = find_or_fetch.find_all(environment, checkout).julias
    assert julia.path == launcher
    (julia,) = find_or_fetch.find_all({"HOME": str(tmp_path), "PATH": ""}, checkout).julias
    assert julia.path == binary


@pytest.mark.parametrize(
    ("versions_listed", "said"),
    [
        ({"1.12.5": {"Path": "./gone"}}, "gone/bin/julia does not run"),
        ({"1.12.5": {}}, "does not hold what juliaup writes"),
        ([], "does not hold what juliaup writes"),
    ],
)
def test_what_juliaup_lists_and_does_not_have_is_named(
    tmp_path: Path, checkout: Path, versions_listed: object, said: str
) -> None:
    write_juliaup(tmp_path / ".julia", versions_listed)
    own = make_julia(tmp_path / "own" / "julia")
    environment = {"HOME": str(tmp_path), "PATH": str(own.parent)}
    at_hand = find_or_fetch.find_all(environment, checkout)
    assert at_hand.preferred.path == own
    (remark,) = at_hand.passed_over
    assert "passed over" in remark
    assert said in remark


def test_a_file_of_juliaup_that_cannot_be_read_is_named(tmp_path: Path, checkout: Path) -> None:
    file = write_juliaup(tmp_path / ".julia", {})
    file.write_text("{")
    with pytest.raises(NoJuliaError, match=r"juliaup\.json cannot be read"):
        find_or_fetch.find_all({"HOME": str(tmp_path), "PATH": ""}, checkout)


@pytest.mark.parametrize("depot", ["", "/", "relative"])
def test_juliaups_file_is_where_kaimond_looks_for_it(
    tmp_path: Path, checkout: Path, depot: str
) -> None:
    home = {"HOME": str(tmp_path), "PATH": ""}
    environment = home | {"JULIAUP_DEPOT_PATH": str(tmp_path / "d") if depot == "/" else depot}
    folder = juliaup.folder(environment)
    make_julia(folder / "x" / "bin" / "julia", "1.11.9")
    write_juliaup(folder.parent, {"1.11.9": {"Path": "./x"}})
    assert versions(environment, checkout) == ["1.11.9"]


def test_supported_versions_that_are_not_at_hand_are_told(tmp_path: Path, checkout: Path) -> None:
    assert SUPPORTED == ("1.10", "1.11", "1.12")
    eleven = make_julia(tmp_path / "11" / "julia", "1.11.0")
    old = make_julia(tmp_path / "1" / "julia", "1.9.12")
    environment = {"JULIAS": f"{eleven} {old}", "PATH": ""}
    assert find_or_fetch.find_all(environment, checkout).lacking == ("1.10", "1.12")


@pytest.mark.usefixtures("nothing_of_the_person")
def test_the_program_prints_a_line_for_each_and_for_what_it_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = make_julia(tmp_path / ".julia" / "juliaup" / "x" / "bin" / "julia", "1.4.2")
    new = make_julia(tmp_path / ".julia" / "juliaup" / "y" / "bin" / "julia", "1.12.5")
    write_juliaup(tmp_path / ".julia", {"1.4.2": {"Path": "./x"}, "1.12.5": {"Path": "./y"}})
    own = make_julia(tmp_path / "own" / "julia", "1.10.4")
    monkeypatch.setenv("KAIMON_JULIA", str(own))
    monkeypatch.setenv("PATH", "/bin")

    assert find_or_fetch.main([]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"Julia 1.12.5 (installed by juliaup): {new}"
    assert second == f"Julia 1.10.4 (KAIMON_JULIA): {own}"
    assert f"{old} is Julia 1.4.2" in third


@pytest.mark.usefixtures("nothing_of_the_person")
def test_the_gates_own_tests_run_on_each_and_one_failure_fails_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = (
        'case "$*" in --version) echo julia version {0};; *runtests.jl) echo tests of {0}; {1};; '
        "*) printf /share;; esac"
    )
    bad = make_julia(tmp_path / "bad" / "julia", script=script.format("1.12.5", "exit 3"))
    good = make_julia(tmp_path / "good" / "julia", script=script.format("1.10.8", "exit 0"))
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("JULIAS", f"{good} {bad}")
    assert run_gate_tests.main() == 1
    out, err = capfd.readouterr()
    assert out.splitlines() == [
        f"The gate's own tests on Julia 1.12.5: {bad}",
        "tests of 1.12.5",
        f"The gate's own tests on Julia 1.10.8: {good}",
        "tests of 1.10.8",
    ]
    assert err == "make julia-test: failed on Julia 1.12.5\n"
    monkeypatch.setenv("JULIAS", str(good))
    assert run_gate_tests.main() == 0


@pytest.mark.parametrize("name", ["julia", "julia-1.12"])
def test_a_daemon_finds_just_this_julia_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    make_julia(tmp_path / "bin" / "julia", script="echo another")
    # What is asked for its share directory answers the same to all.
    program = make_julia(tmp_path / "bin" / name, script="printf '<%s>' just this \"$@\"")
    found = julia_environment.create(tmp_path / "made", program)
    said = subprocess.run(
        ["julia", "a b"], env=os.environ | found, capture_output=True, text=True, check=True
    )
    assert said.stdout == "<just><this><a b>"


def test_ci_runs_all_that_are_supported() -> None:
    workflow = (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    listed = ", ".join(f'"{version}"' for version in SUPPORTED)
    assert f"julia: [{listed}, nightly]" in workflow

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import debian
import find_or_fetch
import private_depot
import pytest
import run_gate_tests
from find_or_fetch import NoJuliaError
from private_apt import FetchError

from tests.packaging.fake_julias import make_julia

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("no_fetch")
def test_a_julia_named_by_hand_wins_then_path_then_the_fetched_one(
    tmp_path: Path, checkout: Path
) -> None:
    named = make_julia(tmp_path / "named" / "julia-nightly", "1.13.0-DEV.7")
    on_path = make_julia(tmp_path / "bin" / "julia", "1.12.1")
    fetched = make_julia(checkout / ".julia" / "bin" / "julia", "1.5.3")
    environment = {"KAIMON_JULIA": str(named), "PATH": f"/nowhere:{on_path.parent}"}

    (julia,) = find_or_fetch.find_or_fetch(environment, checkout).julias
    assert (julia.path, julia.version) == (named, "1.13.0-DEV.7")
    del environment["KAIMON_JULIA"]
    (julia,) = find_or_fetch.find_or_fetch(environment, checkout).julias
    assert (julia.path, julia.version) == (on_path, "1.12.1")
    on_path.unlink()
    (julia,) = find_or_fetch.find_or_fetch(environment, checkout).julias
    assert (julia.path, julia.version) == (fetched, "1.5.3")


def test_without_any_julia_one_is_fetched(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "fetch", lambda home: make_julia(home / "bin" / "julia", "1.5.3"))
    (julia,) = find_or_fetch.find_or_fetch({"PATH": "/nowhere"}, checkout).julias
    assert julia.path == checkout / ".julia" / "bin" / "julia"
    assert "bullseye" in julia.origin


def test_finding_alone_never_fetches(checkout: Path, no_fetch: None) -> None:
    with pytest.raises(NoJuliaError, match="no Julia on this machine"):
        find_or_fetch.find({"PATH": "/nowhere"}, checkout)


def test_a_bare_name_chosen_by_hand_is_looked_up_on_path(tmp_path: Path, checkout: Path) -> None:
    program = make_julia(tmp_path / "julia-1.10")
    environment = {"KAIMON_JULIA": "julia-1.10", "PATH": str(tmp_path)}
    assert find_or_fetch.find(environment, checkout).path == program


def test_a_link_is_kept_because_juliaup_needs_its_name(tmp_path: Path, checkout: Path) -> None:
    make_julia(tmp_path / "launcher")
    (tmp_path / "julia").symlink_to("launcher")
    assert find_or_fetch.find({"PATH": str(tmp_path)}, checkout).path == tmp_path / "julia"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo julia version 1.4.1", "is Julia 1.4.1, and kaimond needs 1.5 or newer"),
        ("echo juliaup has no julia >&2; exit 1", "does not answer like a Julia"),
        ("echo 3.11.7", "does not answer like a Julia"),
    ],
)
@pytest.mark.usefixtures("no_fetch")
def test_a_bad_julia_named_by_hand_is_an_error_and_not_passed_over(
    tmp_path: Path, checkout: Path, script: str, complaint: str
) -> None:
    bad = make_julia(tmp_path / "julia", script=script)
    make_julia(checkout / ".julia" / "bin" / "julia")
    with pytest.raises(NoJuliaError) as caught:
        find_or_fetch.find_or_fetch({"KAIMON_JULIA": str(bad), "PATH": ""}, checkout)
    assert "KAIMON_JULIA" in str(caught.value)
    assert complaint in str(caught.value)


@pytest.mark.usefixtures("no_fetch")
def test_a_julia_named_by_hand_that_is_not_there_is_an_error(checkout: Path) -> None:
    with pytest.raises(NoJuliaError, match="no program"):
        find_or_fetch.find_or_fetch({"KAIMON_JULIA": "/nowhere/julia", "PATH": ""}, checkout)


@pytest.mark.usefixtures("no_fetch")
def test_a_julia_on_path_that_is_too_old_is_passed_over_and_named(
    tmp_path: Path, checkout: Path
) -> None:
    make_julia(tmp_path / "julia", "1.0.5")
    fetched = make_julia(checkout / ".julia" / "bin" / "julia", "1.5.3")
    at_hand = find_or_fetch.find_or_fetch({"PATH": str(tmp_path)}, checkout)
    assert at_hand.preferred.path == fetched
    (remark,) = at_hand.passed_over
    assert "passed over" in remark
    assert "1.0.5" in remark


def test_a_failed_fetch_says_why_and_what_to_do(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(home: Path) -> Path:
        raise FetchError(f"the mirror is down ({home.name})")

    monkeypatch.setattr(debian, "fetch", fail)
    with pytest.raises(NoJuliaError) as caught:
        find_or_fetch.find_or_fetch({"PATH": "/nowhere"}, checkout)
    for part in ("no Julia on this machine", "the mirror is down", "juliaup", "KAIMON_JULIA"):
        assert part in str(caught.value)


@pytest.mark.usefixtures("nothing_of_the_person")
def test_the_program_prints_one_line_or_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    julia = make_julia(tmp_path / "julia")
    monkeypatch.setenv("KAIMON_JULIA", str(julia))
    monkeypatch.setenv("PATH", "/bin")
    assert find_or_fetch.main([]) == 0
    assert capsys.readouterr() == (f"Julia 1.10.4 (KAIMON_JULIA): {julia}\n", "")
    assert find_or_fetch.main(["--print"]) == 0
    assert capsys.readouterr() == (f"{julia}\n", "")
    julia.unlink()
    for arguments in ([], ["--print"]):
        assert find_or_fetch.main(arguments) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("make julia: KAIMON_JULIA is ")
        assert err.count("\n") == 1


@pytest.mark.usefixtures("no_fetch", "nothing_of_the_person")
def test_printing_the_path_never_fetches_and_says_how_to(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find_or_fetch, "CHECKOUT", checkout)
    assert find_or_fetch.main(["--print"]) == 1
    assert "Run `make julia` to fetch one." in capsys.readouterr().err


def test_a_private_depot_has_an_empty_registry_and_no_package_server(tmp_path: Path) -> None:
    julia = make_julia(tmp_path / "julia", script="printf /opt/julia/share/julia")
    environment = private_depot.create(tmp_path / "depot", julia)
    assert environment == {
        "JULIA_DEPOT_PATH": f"{tmp_path}/depot:/opt/julia/share/julia",
        "JULIA_PKG_SERVER": "",
    }
    registry = (tmp_path / "depot" / "registries" / "General" / "Registry.toml").read_text()
    assert registry.endswith("[packages]\n")


def test_the_libzmq_of_pyzmq_is_found_and_can_be_loaded() -> None:
    library = ctypes.CDLL(str(run_gate_tests.libzmq()))
    assert library.zmq_has(b"ipc") == 1


def test_missing_gate_tests_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_gate_tests, "PACKAGE", tmp_path)
    assert run_gate_tests.main() == 1
    assert "runtests.jl does not exist" in capsys.readouterr().err

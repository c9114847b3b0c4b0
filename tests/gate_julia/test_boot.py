"""Starting: what the process is, what it leaves alone, and what it says if it cannot start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gate_julia.gate_process import BOOT, SESSION, GateProcess

pytestmark = pytest.mark.julia

# Pkg asks the network for a registry if the depot has none.
EMPTY_REGISTRY = """name = "General"
uuid = "23338594-aafe-5451-b93e-139f81909106"
repo = ""
[packages]
"""
REGISTRY_FILE = "../depot/registries/General/Registry.toml"
# Not Statistics, which newer Julia looks for in a registry.
DATES = '[deps]\nDates = "ade2ca70-3891-5945-98fb-dc099432e06a"\n'
BROKEN_MANIFEST = "[[this is no manifest"


def test_only_the_sessions_key_is_left_in_the_environment(gate: GateProcess) -> None:
    names = gate.value_of('filter(startswith("KAIMON"), collect(keys(ENV)))')
    assert names.endswith('"KAIMON_SESSION"') or names == '["KAIMON_SESSION"]'
    assert gate.value_of('read(`sh -c "env | grep KAIMON_"`, String)') == (
        f'"KAIMON_SESSION={SESSION}\\n"'
    )


def test_the_package_is_behind_everything_else_and_no_depot_is_written(gate: GateProcess) -> None:
    packages = BOOT.parent.parent
    assert gate.value_of(f'LOAD_PATH == [Base.DEFAULT_LOAD_PATH; "{packages}"]') == "true"
    assert gate.value_of("isdefined(Main, :Kaimon)") == "false"
    assert not (gate.home / "depot").exists()


@pytest.mark.smoke
def test_a_later_using_finds_the_module_that_runs(fresh: GateProcess) -> None:
    assert fresh.value_of("using Kaimon; Kaimon.PROTOCOL") == "1"
    assert fresh.value_of("Kaimon === Base.root_module(Base.PkgId(Kaimon))") == "true"
    assert (
        fresh.value_of("length(filter(m -> nameof(m) === :Kaimon, Base.loaded_modules_array()))")
        == "1"
    )
    assert not (fresh.home / "depot").exists()
    # What a person would type there is harmless and says why.
    said = fresh.evaluate("Gate.serve(force=true)")
    assert said.value == f'"{SESSION}"'
    assert b"kaimond started this session" in said.output
    said = fresh.evaluate("Gate.stop(); Gate.restart(); Gate.status()")
    assert said.output.count(b"kaimond started this session") == 3
    assert fresh.ping().text("session") == SESSION


def test_every_descriptor_above_two_is_closed_in_programs_it_executes(gate: GateProcess) -> None:
    listing = Path(f"/proc/{gate.pid}/fdinfo")
    if not listing.exists():
        pytest.skip("needs /proc")
    inherited = []
    for entry in listing.iterdir():
        flags = next(
            line.split()[1] for line in entry.read_text().splitlines() if line.startswith("flags")
        )
        if int(entry.name) > 2 and not int(flags, 8) & os.O_CLOEXEC:
            inherited.append(Path(f"/proc/{gate.pid}/fd/{entry.name}").readlink())
    assert inherited == []


def test_evaluations_leave_no_descriptor_behind(gate: GateProcess) -> None:
    def count() -> str:
        return gate.value_of('length(readdir("/dev/fd"))')

    count()
    before = count()
    for _ in range(50):
        gate.evaluate("1")
    assert count() == before


@pytest.mark.parametrize("missing", ["LIBZMQ", "ENDPOINT", "SESSION", "NONCE", "LOG"])
def test_a_missing_setting_is_named(julia_program: Path, missing: str) -> None:
    with GateProcess(julia_program, environment={f"KAIMON_{missing}": ""}) as gate:
        assert gate.process.wait(timeout=60) == 1
        assert f"KAIMON_{missing}" in gate.log


@pytest.mark.parametrize(
    ("name", "value"),
    [("LIBZMQ", "/nowhere/libzmq.so"), ("LIBZMQ", "/etc/passwd"), ("ENDPOINT", "/nowhere/g")],
)
def test_a_gate_that_cannot_open_says_so_in_its_last_line(
    julia_program: Path, name: str, value: str
) -> None:
    with GateProcess(julia_program, environment={f"KAIMON_{name}": value}) as gate:
        assert gate.process.wait(timeout=60) == 1
        last = gate.log.splitlines()[-1]
        assert last.startswith("kaimon: the gate could not be opened at ")
        assert value in last


@pytest.mark.smoke
def test_instantiate_runs_before_the_gate_opens_and_prints_to_the_log(julia_program: Path) -> None:
    with GateProcess(
        julia_program,
        environment={"KAIMON_INSTANTIATE": "1"},
        project_files={"Project.toml": DATES, REGISTRY_FILE: EMPTY_REGISTRY},
    ) as gate:
        gate.ready()
        assert "Manifest.toml" in gate.log
        assert (gate.project / "Manifest.toml").exists()
        assert gate.value_of("using Dates; year(Date(2026, 3, 1))") == "2026"


def test_an_instantiate_that_fails_ends_the_process_with_a_clear_last_line(
    julia_program: Path,
) -> None:
    with GateProcess(
        julia_program,
        environment={"KAIMON_INSTANTIATE": "1"},
        project_files={
            "Project.toml": DATES,
            "Manifest.toml": BROKEN_MANIFEST,
            REGISTRY_FILE: EMPTY_REGISTRY,
        },
    ) as gate:
        assert gate.process.wait(timeout=60) == 1
        last = gate.log.splitlines()[-1]
        assert last.startswith("kaimon: Pkg.instantiate() failed for ")
        assert str(gate.project / "Project.toml") in last
        assert not gate.endpoint.exists()


def test_several_threads_make_no_difference(julia_program: Path) -> None:
    with GateProcess(julia_program, environment={"JULIA_NUM_THREADS": "2"}) as gate:
        assert gate.ready().text("threads") == "2"
        assert (
            gate.value_of(
                "x = Threads.Atomic{Int}(0); Threads.@threads for _ in 1:100; "
                "Threads.atomic_add!(x, 1); end; x[]"
            )
            == "100"
        )
        assert gate.interrupt_safely(gate.begin("while true end")).status == "interrupted"
        assert (
            gate.evaluate('Threads.@threads for i in 1:4; println("line"); end').output.count(
                b"line"
            )
            == 4
        )

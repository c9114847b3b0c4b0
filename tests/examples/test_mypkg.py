"""MyPkg is what a newcomer sees first: it must work as it stands, offline, on every Julia."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import private_depot
import pytest

from tests.support.home import CHECKOUT

MYPKG = CHECKOUT / "examples" / "MyPkg"

pytestmark = [pytest.mark.julia, pytest.mark.timeout(400)]


def files(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def mypkg(tmp_path: Path) -> Path:
    """A copy, so that a Julia that rewrites the manifest does not touch the checkout."""
    return Path(shutil.copytree(MYPKG, tmp_path / "MyPkg"))


@pytest.fixture
def environment(tmp_path: Path, julia_program: Path) -> dict[str, str]:
    depot = private_depot.create(tmp_path / "depot", julia_program)
    return {**os.environ, **depot, "JULIA": str(julia_program)}


def run(environment: dict[str, str], project: Path, program: str) -> tuple[str, str]:
    """Run Julia; return what it printed, and what it said of its work, as of precompiling."""
    command = [environment["JULIA"], "--startup-file=no", f"--project={project}", "-e", program]
    done = subprocess.run(
        command,
        env=environment,
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_its_manifest_is_complete_and_its_own_tests_pass_offline(
    mypkg: Path, environment: dict[str, str]
) -> None:
    before = files(mypkg)
    _, said = run(environment, mypkg, 'using Pkg; Pkg.instantiate(); Pkg.test(); Pkg.test("MyDep")')
    assert "MyPkg tests passed" in said
    assert "MyDep tests passed" in said
    assert files(mypkg) == before


def test_the_script_is_included_by_its_path_in_the_project(
    mypkg: Path, environment: dict[str, str]
) -> None:
    said, _ = run(environment, mypkg, 'show(stdout, "text/plain", include("scripts/hello.jl"))')
    assert said.startswith("Hello, from scripts/hello.jl!\nSummary of 12 readings")


def test_the_example_in_its_docstring_is_what_it_prints(
    mypkg: Path, environment: dict[str, str]
) -> None:
    program = 'using MyPkg; show(stdout, "text/plain", summarize(read_log(MyPkg.sample_log())))'
    said, _ = run(environment, mypkg, program)
    assert said in (mypkg / "src" / "MyPkg.jl").read_text(encoding="utf-8")

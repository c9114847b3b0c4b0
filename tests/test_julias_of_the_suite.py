"""The suite on several Julias: a small one with the same conftest, and scripts as Julias."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.fake_julias import make_julia
from tests.support.home import CHECKOUT

pytestmark = pytest.mark.timeout(400)

SUITE = """
import subprocess
import pytest

MADE = []

@pytest.fixture(scope="module")
def shared(julia_program):
    MADE.append(julia_program)
    return julia_program

@pytest.mark.julia
@pytest.mark.parametrize("word", ["x", "y"])
def test_full(request, shared, word):
    said = subprocess.run([shared, "--version"], capture_output=True, text=True).stdout
    assert f"[{said.split()[-1]}-{word}]" in request.node.name
    assert MADE.count(shared) == 1

@pytest.mark.julia
@pytest.mark.smoke
def test_smoke(shared):
    assert MADE.count(shared) == 1

def test_plain(home):
    assert "JULIA_DEPOT_PATH" not in home.env
"""


class Suite:
    """The small suite in a folder, and two Julias, the older one first.

    Attributes:
        julias: what JULIAS names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.julias: list[Path] = []
        self.add_julia("1.10.8")
        self.add_julia("1.12.5")
        (folder / "test_small.py").write_text(SUITE)

    def add_julia(self, version: str) -> None:
        self.julias.append(make_julia(self.folder / version / "julia", version))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        # Nothing of the run that this is a part of: neither its worker nor its options.
        kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        kept["JULIAS"] = " ".join(map(str, self.julias))
        paths = (CHECKOUT, CHECKOUT / "packaging" / "julia", self.folder)
        kept["PYTHONPATH"] = os.pathsep.join(map(str, paths))
        configured = f"--config-file={CHECKOUT / 'pyproject.toml'}"
        command = [sys.executable, "-m", "pytest", "-v", configured]
        return subprocess.run(
            [*command, *arguments, "-p", "tests.conftest", str(self.folder)],
            cwd=CHECKOUT,
            env=kept | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def passed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Names of the tests that passed, in their order."""
    lines = [line for line in done.stdout.splitlines() if "::" in line and "PASSED" in line]
    return [line.partition("::")[2].split()[0] for line in lines]


FULL = ["test_full[1.12.5-x]", "test_full[1.12.5-y]", "test_smoke[1.12.5]"]


def test_all_run_on_the_newest_and_the_smoke_tests_on_the_others(suite: Suite) -> None:
    done = suite.run()
    assert done.returncode == 0, done.stdout
    assert passed(done) == [*FULL, "test_smoke[1.10.8]", "test_plain"]
    assert "julia: every test on 1.12.5, the smoke tests on 1.10.8\n" in done.stdout


def test_all_run_on_all_when_that_is_asked_for(suite: Suite) -> None:
    done = suite.run("--all-julias")
    assert done.returncode == 0, done.stdout
    older = [name.replace("1.12.5", "1.10.8") for name in FULL]
    assert passed(done) == [*FULL, *older, "test_plain"]
    assert "julia: every test on 1.12.5, every test on 1.10.8\n" in done.stdout


def test_several_workers_agree_on_what_there_is(suite: Suite) -> None:
    done = suite.run("--all-julias", "--numprocesses=2", "--dist=worksteal")
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


def test_supported_versions_that_nothing_ran_on_are_told_at_both_ends(suite: Suite) -> None:
    said = "not tested on Julia 1.11: none at hand; JULIAS names them"
    done = suite.run("--collect-only")
    assert done.stdout.count(said) == 2
    suite.add_julia("1.11.0")
    assert "not tested" not in suite.run("--collect-only").stdout


def test_a_julia_that_does_not_run_is_one_line_and_no_test_runs(suite: Suite) -> None:
    suite.julias.append(Path("/nowhere/julia"))
    done = suite.run()
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == (
        "ERROR: JULIAS names '/nowhere/julia', which is no program. Correct it or unset it."
    )
    assert passed(done) == []


def test_a_julia_that_cannot_compile_the_gate_fails_its_tests_and_says_why(suite: Suite) -> None:
    script = 'case "$*" in --version) echo julia version 1.13.0;; *) echo no, thanks; exit 3; esac'
    suite.julias.append(make_julia(suite.folder / "broken" / "julia", script=script))
    done = suite.run("-rE")
    assert passed(done) == ["test_smoke[1.12.5]", "test_smoke[1.10.8]", "test_plain"]
    assert "3 errors" in done.stdout
    assert "the gate could not be compiled" in done.stdout
    assert "said: no, thanks" in done.stdout


def test_a_test_that_needs_julia_and_takes_none_is_an_error(suite: Suite) -> None:
    (suite.folder / "test_other.py").write_text(
        "import pytest\n@pytest.mark.julia\ndef test_own(): pass\n"
    )
    done = suite.run("--collect-only")
    assert done.returncode != 0
    assert "test_own is marked julia: it must use the fixture julia_program" in done.stdout


def test_without_any_julia_what_needs_none_runs_and_the_rest_says_what_is_missing(
    suite: Suite,
) -> None:
    suite.julias.clear()
    # The checkout may have one that was fetched.
    (suite.folder / "elsewhere.py").write_text(
        "import pathlib, tests.support.home as home; home.CHECKOUT = pathlib.Path('/nowhere')\n"
    )
    done = suite.run("-p", "elsewhere", HOME=str(suite.folder), PATH="", KAIMON_JULIA="")
    assert passed(done) == ["test_plain"]
    assert "3 errors" in done.stdout
    assert "test_smoke[no Julia] - Failed: there is no Julia on this" in done.stdout

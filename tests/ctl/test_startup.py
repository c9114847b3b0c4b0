"""``kaimonctl startup``."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from kaimond.startup_jl import block, places

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home


@pytest.fixture
def project(home: Home) -> Path:
    made = home.path / "MyPkg"
    made.mkdir()
    (made / "Project.toml").touch()
    return made


def test_a_projects_file_is_written_shown_and_removed(home: Home, project: Path) -> None:
    file = project / ".julia-startup.jl"
    done = home.ctl("startup", "install", "--project", str(project))
    assert done.stdout.splitlines() == [
        f"{file}: made, with the block in it",
        "Start Julia in the project with: julia --project --load=.julia-startup.jl",
    ]
    assert str(places.package_directory()) in file.read_text()
    again = home.ctl("startup", "install", "--project", ".", cwd=project)
    assert "nothing was changed" in again.stdout
    shown = home.ctl("startup", "show", cwd=project).stdout
    assert f"installed  the project {project}" in shown
    assert "absent     every Julia" in shown
    removed = home.ctl("startup", "remove", "--project", str(project))
    assert removed.stdout == f"{file}: removed, as it held nothing but the block\n"
    assert not file.exists()
    assert "does not exist" in home.ctl("startup", "remove", "--project", str(project)).stdout


def test_a_users_own_startup_file_is_what_it_was_in_the_end(home: Home) -> None:
    home.environ["JULIA_DEPOT_PATH"] = f"{home.path}/depot:"
    file = home.path / "depot" / "config" / "startup.jl"
    file.parent.mkdir(parents=True)
    before = b'\xef\xbb\xbfusing LinearAlgebra\r\nENV["EDITOR"] = "vim"'
    file.write_bytes(before)
    done = home.ctl("startup", "install", "--global")
    assert done.stdout == (
        f"{file}: the block is in; what it was before is in {file}.before-kaimon\n"
    )
    home.ctl("startup", "install", "--global")
    listed = json.loads(home.ctl("startup", "show", "--json").stdout)
    assert listed["package_directory"] == str(places.package_directory())
    assert listed["files"] == [
        {
            "for": "every Julia",
            "file": str(file),
            "exists": True,
            "state": "installed",
            "problem": "",
        }
    ]
    removed = home.ctl("startup", "remove", "--global")
    assert removed.stdout == f"{file}: the block is out, the rest is untouched\n"
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["startup.jl"]
    assert "has no block of ours" in home.ctl("startup", "remove", "--global").stdout


def test_a_call_in_the_users_own_lines_is_remarked(home: Home, project: Path) -> None:
    (project / ".julia-startup.jl").write_text("using Kaimon\nGate.serve()\n")
    done = home.ctl("startup", "install", "--project", str(project))
    assert done.returncode == 0
    assert "line 2 of" in done.stderr


def test_the_block_can_be_had_to_put_in_by_hand(home: Home) -> None:
    shown = home.ctl("startup", "show", "--block")
    assert shown.stdout == block.text(str(places.package_directory()))


def test_a_block_of_another_installation_is_outdated(home: Home, project: Path) -> None:
    file = project / ".julia-startup.jl"
    file.write_bytes(block.installed(b"x = 1\n", "/no/such/place"))
    done = home.ctl("startup", "show", "--project", str(project))
    assert "outdated" in done.stdout
    told = done.stderr.split("is brought up to date by: kaimonctl ")[1]
    assert "the block is in\n" in home.ctl(*shlex.split(told)).stdout
    assert home.ctl("startup", "show", "--project", str(project)).stderr == ""
    assert "/no/such/place" not in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "ACTION"),
        (["install"], 2, "--project"),
        (["install", "--global", "--project", "x"], 2, "not allowed with"),
        (["install", "--project", "no/such"], 1, "does not exist"),
        (["remove"], 2, "--project"),
    ],
)
def test_what_is_not_clear_is_refused(
    home: Home, arguments: list[str], code: int, words: str
) -> None:
    done = home.ctl("startup", *arguments, cwd=home.path)
    assert done.returncode == code
    assert words in done.stderr


def test_a_file_that_cannot_be_changed_is_told(home: Home, project: Path) -> None:
    file = project / ".julia-startup.jl"
    file.write_text("# <<< kaimon <<<\n")
    done = home.ctl("startup", "install", "--project", str(project))
    assert done.returncode == 1
    assert "was not changed" in done.stderr
    assert "unclear" in home.ctl("startup", "show", "--project", str(project)).stdout
    home.environ["JULIA_DEPOT_PATH"] = "relative"
    done = home.ctl("startup", "install", "--global")
    assert done.returncode == 1
    assert "Make it absolute. Nothing was changed." in done.stderr

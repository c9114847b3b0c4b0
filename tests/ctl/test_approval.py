"""``kaimonctl project approve``: what a repository wants to run is seen before it counts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.config import repo_options

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home

WISHES = '[launch]\nthreads = 4\nextra_flags = ["-L", "hook\\u001b[2J.jl"]\nstartup_file = true\n'


@pytest.fixture
def project(home: Home) -> Path:
    made = home.path.resolve() / "Proj"
    made.mkdir()
    (made / "Project.toml").touch()
    (made / "kaimon.toml").write_text(WISHES)
    return made


def approve(
    home: Home, project: Path, *options: str, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return home.ctl("project", "approve", str(project), *options, stdin=stdin)


def decision(home: Home) -> Any:
    file = home.path / ".config" / "kaimon" / "projects.json"
    return json.loads(file.read_text())["projects"][0].get("repo_launch")


def digest(project: Path) -> str:
    found = repo_options.read(project)
    assert found
    return found.digest


def test_what_is_wanted_is_shown_and_counts_with_yes(home: Home, project: Path) -> None:
    home.ctl("project", "allow", str(project))

    done = approve(home, project, "--yes")

    assert done.returncode == 0, done.stderr
    assert 'extra_flags = ["-L", "hook\\u001b[2J.jl"]   <- runs on your machine' in done.stdout
    assert 'threads = "4"\n' in done.stdout
    assert "ignored there: startup_file" in done.stdout
    assert "\x1b" not in done.stdout
    assert f"{project}: approved." in done.stdout
    assert decision(home) == digest(project)
    assert "was approved already" in approve(home, project, "--yes").stdout


def test_without_a_terminal_nothing_is_approved_unseen(home: Home, project: Path) -> None:
    home.ctl("project", "allow", str(project))

    done = approve(home, project)

    assert done.returncode == 1
    assert "extra_flags" in done.stdout
    assert "Nothing was approved" in done.stderr
    assert "--yes" in done.stderr
    assert decision(home) is None


@pytest.mark.parametrize(("answer", "approved"), [("y", True), ("", False), ("no", False)])
def test_on_a_terminal_it_is_asked(home: Home, project: Path, answer: str, approved: bool) -> None:
    home.ctl("project", "allow", str(project))
    leader, follower = pty.openpty()
    try:
        os.write(leader, f"{answer}\n".encode())
        done = approve(home, project, stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)

    assert "Approve this? [y/N]" in done.stdout
    assert done.returncode == (0 if approved else 1)
    assert decision(home) == (digest(project) if approved else None)


def test_never_is_remembered_whatever_the_file_says(home: Home, project: Path) -> None:
    home.ctl("project", "allow", str(project))
    (project / "kaimon.toml").write_text("[launch")
    assert "is not valid TOML" in approve(home, project, "--yes").stderr

    assert approve(home, project, "--never").returncode == 0

    assert decision(home) is False


def test_a_project_that_is_not_allowed_is_told_what_comes_first(home: Home, project: Path) -> None:
    done = approve(home, project, "--yes")
    assert done.returncode == 1
    assert f"kaimonctl project allow {project}" in done.stderr


def test_where_there_is_nothing_to_approve_that_is_said(home: Home, project: Path) -> None:
    home.ctl("project", "allow", str(project))
    (project / "kaimon.toml").write_text("[launch]\nthreads = 2\n")
    assert "Nothing of it needs approval." in approve(home, project).stdout
    (project / "kaimon.toml").unlink()
    assert "there is nothing to approve" in approve(home, project).stderr

"""Startup files, with a real Julia: it starts whatever happens, and joins if it can."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.startup_jl import block
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(400)]


def julia(home: Home, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["julia", "--color=no", *arguments],
        env=home.env | environ,
        cwd=home.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_julia_finds_kaimon_after_a_global_install_and_the_users_file_is_as_it_was(
    home: Home,
) -> None:
    home.env["JULIA_DEPOT_PATH"] = f"{home.path}/depot:{home.env['JULIA_DEPOT_PATH']}"
    file = home.path / "depot" / "config" / "startup.jl"
    file.parent.mkdir(parents=True)
    before = b'\xef\xbb\xbf# mine\r\nconst MINE = "still here"'
    file.write_bytes(before)
    for _ in range(2):
        done = home.kaimonctl("startup", "install", "--global")
        assert done.returncode == 0, done.stderr

    code = "using Kaimon; println(MINE, ' ', Kaimon.PROTOCOL, ' ', length(LOAD_PATH))"
    done = julia(home, "-e", code.replace("'", '"'))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "still here 1 4\n"
    assert "Revise not loaded (optional)" in done.stderr
    assert "failed" not in done.stderr

    # One that kaimond starts serves by itself; the block leaves it alone.
    done = julia(home, "-e", "println(1)", KAIMON_NONCE="x")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "Gate" not in done.stderr

    # kaimond was uninstalled.
    file.write_bytes(block.installed(file.read_bytes(), "/no/such/place"))
    done = julia(home, "-e", "println(MINE)")
    assert (done.returncode, done.stdout) == (0, "still here\n")
    assert "Kaimon Gate failed to start" in done.stderr

    assert home.kaimonctl("startup", "remove", "--global").returncode == 0
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["startup.jl"]


def test_a_projects_startup_file_lets_julia_join_and_the_doctor_says_that_it_can(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    doctor = daemon_home.kaimonctl("gate", "doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "`using Kaimon; Gate.serve()` works" in doctor.stdout

    done = daemon_home.kaimonctl("startup", "install", "--project", str(project))
    assert done.returncode == 0, done.stderr
    _, _, told = done.stdout.partition("Start Julia in the project with: ")
    person = subprocess.Popen(
        [*shlex.split(told), "-i"],
        env=daemon_home.env,
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        (seen,) = wait_until(lambda: sessions(daemon_home), timeout=120)
        assert (seen["pid"], seen["spawned_by"]) == (person.pid, "user")
        assert seen["project"] == str(project)
    finally:
        assert person.stdin
        person.stdin.close()
        person.wait(100)
    wait_until(lambda: not sessions(daemon_home), timeout=60)


def sessions(home: Home) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.status()["sessions"]
    return found

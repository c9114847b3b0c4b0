"""``kaimonctl bugreport``: everything in one file, and no secret in it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.conftest import Patient

CTL = [sys.executable, "-P", "-c", "import sys; from kaimond.ctl import main; sys.exit(main())"]
SECRET = "Zx9vQ2-w8Lp0aTk7"


def bugreport(patient: Patient, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*CTL, "bugreport", *arguments],
        env={**patient.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=patient.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def unpacked(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        found = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content
            found[member.name.partition("/")[2]] = content.read().decode()
    return found


@pytest.fixture
def ill(patient: Patient) -> Patient:
    """A home with secrets in every corner."""
    patient.environ["MY_API_KEY"] = SECRET
    patient.config("kaimond.toml", f'[julia]\ncommand = "/no/julia"\ntoken = "{SECRET}"\n')
    patient.config("projects.json", json.dumps({"projects": [], "password": SECRET}))
    logs = patient.world.paths.session_logs
    logs.mkdir(mode=0o700, parents=True)
    patient.world.paths.server_log.write_text(
        f"2026-01-01T00:00:00.000Z INFO  session=- agent=- kaimond.x: said {SECRET} at "
        f"{patient.home}/MyPkg\n"
    )
    (logs / "1a2b3c4d.log").write_text("my data\n")
    return patient


def test_an_archive_has_all_parts_and_no_secret(ill: Patient) -> None:
    done = bugreport(ill)
    assert done.returncode == 0, done.stderr
    (file,) = ill.home.glob("kaimon-bugreport-*.tar.gz")
    parts = unpacked(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(parts) >= {
        *("versions.txt", "doctor.txt", "status.json", "environment.txt"),
        *("config/kaimond.toml", "config/projects.json", "log/server.log"),
    }
    everything = "".join(parts.values())
    assert SECRET not in everything
    assert str(ill.home) not in everything
    assert "said [masked] at ~/MyPkg" in parts["log/server.log"]
    assert "/no/julia" in parts["doctor.txt"]
    assert "MY_API_KEY is set" in parts["environment.txt"]
    assert json.loads(parts["status.json"])["state"] == "absent"


def test_it_says_what_is_inside_and_that_nothing_was_sent(ill: Patient) -> None:
    done = bugreport(ill)

    assert "config/kaimond.toml" in done.stdout
    assert "Nothing was sent" in done.stdout


def test_what_sessions_have_written_is_taken_only_if_asked_for(ill: Patient) -> None:
    assert "my data" not in bugreport(ill, "-o", "-").stdout
    assert "my data" in bugreport(ill, "-o", "-", "--session-output").stdout


def test_paths_can_be_left_as_they_are(ill: Patient) -> None:
    assert f"{ill.home}/MyPkg" in bugreport(ill, "-o", "-", "--show-home").stdout


def test_another_name_gets_one_text(ill: Patient) -> None:
    bugreport(ill, "-o", "report.txt")

    assert "===== doctor.txt =====" in (ill.home / "report.txt").read_text()


def test_a_file_that_is_there_is_not_touched(ill: Patient) -> None:
    (ill.home / "report.txt").write_text("mine")
    done = bugreport(ill, "-o", "report.txt")

    assert done.returncode == 1
    assert "not touched" in done.stderr
    assert (ill.home / "report.txt").read_text() == "mine"


def test_a_folder_that_is_not_there_is_told(ill: Patient) -> None:
    done = bugreport(ill, "-o", "no/such/folder/report.txt")

    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_what_cannot_be_read_is_told_inside(ill: Patient) -> None:
    log = ill.world.paths.server_log
    log.unlink()
    log.mkdir()

    assert "could not be collected" in bugreport(ill, "-o", "-").stdout

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

from kaimond.doctor import report

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
    found = unpacked(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(found) >= {
        *("versions.txt", "doctor.txt", "status.json", "environment.txt"),
        *("config/kaimond.toml", "config/projects.json", "log/server.log"),
    }
    everything = "".join(found.values())
    assert SECRET not in everything
    assert str(ill.home) not in everything
    assert "said [masked] at ~/MyPkg" in found["log/server.log"]
    assert "/no/julia" in found["doctor.txt"]
    assert "MY_API_KEY is set" in found["environment.txt"]
    assert json.loads(found["status.json"])["state"] == "absent"
    assert "config/kaimond.toml" in done.stdout
    assert "Nothing was sent" in done.stdout


def test_another_name_gets_one_text_and_a_file_that_is_there_is_not_touched(ill: Patient) -> None:
    assert bugreport(ill, "-o", "report.txt").returncode == 0
    text = (ill.home / "report.txt").read_text()
    assert "===== doctor.txt =====" in text
    again = bugreport(ill, "-o", "report.txt")

    assert again.returncode == 1
    assert "not touched" in again.stderr
    assert (ill.home / "report.txt").read_text() == text


def test_a_folder_that_is_not_there_is_told(ill: Patient) -> None:
    done = bugreport(ill, "-o", "no/such/folder/report.txt")

    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def parts(patient: Patient, monkeypatch: pytest.MonkeyPatch, **options: bool) -> dict[str, str]:
    """The parts of a report, without the doctor's findings, which take their time."""
    monkeypatch.setattr(report, "examine", lambda world: [])
    return dict(report.Report(patient.world, **options).parts())


def test_what_sessions_have_written_is_taken_only_if_asked_for(
    ill: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "log/sessions/1a2b3c4d.log"
    assert name not in parts(ill, monkeypatch)
    assert parts(ill, monkeypatch, session_output=True)[name] == "my data\n"


def test_paths_can_be_left_as_they_are(ill: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{ill.home}/MyPkg" in parts(ill, monkeypatch, show_home=True)["log/server.log"]


def test_a_long_log_is_cut_to_its_end(ill: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {number}\n" for number in range(report.LOG_LINES + 10)]
    ill.world.paths.server_log.write_text("".join(lines))

    assert parts(ill, monkeypatch)["log/server.log"] == "".join(lines[10:])


def test_what_cannot_be_read_is_told_inside(ill: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ill.world.paths.server_log
    log.unlink()
    log.mkdir()

    assert "could not be collected" in parts(ill, monkeypatch)["log/server.log"]

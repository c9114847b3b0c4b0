"""Python, the packages and the programs, where all is well and where one thing is not."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond.doctor.checks import installation
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from kaimond.doctor.finding import Finding
    from tests.doctor.conftest import Patient


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


def test_the_interpreter_and_all_packages_of_this_environment_are_well(patient: Patient) -> None:
    for check in (installation.python, installation.packages, installation.libzmq):
        assert patient.one(check).level is Level.OK


def test_libzmq_is_told_with_its_path(patient: Patient) -> None:
    assert "libzmq" in patient.one(installation.libzmq).text


def test_a_missing_and_an_old_package_are_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["psutil>=99", "no-such-package-at-all>=1", 'sphinx>=1; extra == "docs"']
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    found = patient.examine(installation.packages)

    assert [finding.level for finding in found] == [Level.FAIL, Level.FAIL]
    assert "psutil" in found[0].text
    assert "no-such-package-at-all is missing" in found[1].text
    assert all(finding.cure for finding in found)


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("2.3.0", ">=2.3,<3", True),
        ("2.3", ">=2.3.0", True),
        ("3.0", ">=2.3,<3", False),
        ("26.0.0b2", ">=26", True),
        ("9.10", ">=9.9", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, bounds: str, expected: bool) -> None:
    assert installation.within(version, bounds) is expected


def test_settings_that_keep_the_daemon_from_starting_are_found_by_its_own_check(
    patient: Patient,
) -> None:
    patient.config("kaimond.toml", "[log]\nlevel = 3\n")
    finding = patient.one(installation.loading)

    assert finding.level is Level.FAIL
    assert "log.level" in finding.text


def test_the_programs_are_looked_for_by_name(patient: Patient) -> None:
    folder = Path(sys.executable).parent
    patient.environ["PATH"] = str(folder)
    assert bad(patient.examine(installation.programs)) == []

    patient.environ["PATH"] = "/nowhere"
    finding = patient.one(installation.programs)
    assert finding.level is Level.WARN
    assert str(folder) in finding.cure


def test_links_to_the_programs_are_what_belongs_on_the_path(patient: Patient) -> None:
    links = patient.home / ".local" / "bin"
    links.mkdir(parents=True)
    for name in installation.PROGRAMS:
        (links / name).symlink_to(Path(sys.executable).parent / name)
    patient.environ["PATH"] = "/nowhere"

    assert f"Add {links} to PATH" in patient.one(installation.programs).cure


def test_programs_of_another_installation_are_named(patient: Patient) -> None:
    other = patient.home / "other"
    other.mkdir()
    (other / "kaimon-mcp").write_text("#!/bin/sh\n")
    (other / "kaimon-mcp").chmod(0o755)
    patient.environ["PATH"] = f"{other}:{Path(sys.executable).parent}"

    assert str(other / "kaimon-mcp") in patient.one(installation.programs).text

"""The Julia that sessions get, and those that there are besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond import paths
from kaimond.config import julia_options
from kaimond.doctor.checks import (
    configuration,
    julia,
)
from kaimond.doctor.finding import Level
from kaimond.toolchain import gate_cache
from kaimond.toolchain.find_julia import Julia

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient


def test_the_configured_julia_is_asked_for_its_version(patient: Patient) -> None:
    program = patient.julia()
    finding = patient.one(julia.configured)

    assert finding.level is Level.OK
    assert "1.11.2" in finding.text
    assert str(program) in finding.text


def test_a_julia_that_is_not_there_is_a_failure_with_the_way_out(patient: Patient) -> None:
    patient.config("kaimond.toml", '[julia]\ncommand = "/no/such/julia"\n')
    finding = patient.one(julia.configured)

    assert finding.level is Level.FAIL
    assert "/no/such/julia" in finding.text
    assert finding.cure
    assert "No session was started" not in finding.text + finding.cure


def test_a_julia_that_is_too_old_is_a_failure(patient: Patient) -> None:
    patient.julia(version="1.0.5")

    assert patient.one(julia.configured).level is Level.FAIL


def test_the_julia_of_one_project_only_warns(patient: Patient) -> None:
    patient.julia()
    entry = {"project_path": str(patient.home), "launch_config": {"julia_bin": "/no/julia"}}
    patient.config("projects.json", json.dumps({"projects": [entry]}))
    default, project = patient.examine(julia.configured)

    assert default.level is Level.OK
    assert project.level is Level.WARN
    assert "/no/julia" in project.text


def test_further_julias_and_the_channels_of_juliaup_are_told(patient: Patient) -> None:
    patient.julia()
    second = patient.home / "second"
    second.mkdir()
    (second / "julia").write_text("#!/bin/sh\n")
    (second / "julia").chmod(0o755)
    patient.environ["PATH"] += f":{second}"
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text(
        json.dumps({"Default": "release", "InstalledChannels": {"release": {}, "1.10": {}}})
    )
    path, juliaup = patient.examine(julia.others)

    assert str(second / "julia") in path.text
    assert "1.10, release (default)" in juliaup.text


def test_a_channel_that_juliaup_does_not_have_is_told_with_the_command(patient: Patient) -> None:
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"InstalledChannels": {"release": {}}}))
    patient.config("kaimond.toml", '[julia]\ncommand = "+1.10"\n')
    finding = patient.one(julia.configured)

    assert finding.level is Level.FAIL
    assert "juliaup add 1.10" in finding.cure
    assert "No session was started" not in finding.text


def test_a_file_of_juliaup_that_cannot_be_read_warns(patient: Patient) -> None:
    patient.julia()
    file = patient.home / ".julia" / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")

    assert patient.examine(julia.others)[-1].level is Level.WARN


def test_a_repository_whose_wishes_are_not_approved_is_told_with_the_command(
    patient: Patient,
) -> None:
    patient.julia()
    project = patient.home / "P"
    project.mkdir()
    (project / "Project.toml").touch()
    (project / "kaimon.toml").write_text('[launch]\njulia_bin = "/their/julia"\n')
    patient.config("projects.json", json.dumps({"projects": [{"project_path": str(project)}]}))
    finding = patient.one(configuration.projects)

    assert finding.level is Level.WARN
    assert "kaimonctl project approve" in finding.cure


def test_a_julia_without_a_precompiled_gate_is_told_and_what_comes_of_it(patient: Patient) -> None:
    patient.julia(version="1.12.5")
    missing = patient.one(julia.precompiled)
    assert "not precompiled" in missing.text
    assert "kaimonctl gate precompile" in missing.cure
    place = cache_of(patient)
    place.mkdir(parents=True)
    found = patient.one(julia.precompiled)
    assert found.level is Level.OK
    assert f"precompiled for it ({place})" in found.text


def cache_of(patient: Patient) -> Path:
    program = str(patient.home / "bin" / "julia")
    flags = julia_options.DEFAULT.flags(Path.cwd())
    where = paths.resolve(patient.environ).gate_caches
    cache = gate_cache.cache_for(where, Julia(program, "1.12.5"), flags, patient.environ)
    assert cache
    return cache.path


def test_a_julia_that_needs_no_precompiled_gate_is_not_spoken_of(patient: Patient) -> None:
    patient.julia(version="1.5.3")
    assert patient.examine(julia.precompiled) == []

"""Settings, projects and their environments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kaimond.doctor.checks import configuration
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient

UUID = "12345678-1234-1234-1234-123456789abc"


def test_without_any_file_the_defaults_hold_and_a_project_is_missing(patient: Patient) -> None:
    assert patient.one(configuration.settings).level is Level.OK
    finding = patient.one(configuration.projects)
    assert finding.level is Level.WARN
    assert "kaimonctl project allow" in finding.cure


def test_a_wrong_value_fails_and_an_unknown_key_warns(patient: Patient) -> None:
    patient.config("kaimond.toml", "[logg]\n")
    assert patient.one(configuration.settings).level is Level.WARN
    patient.config("kaimond.toml", "[log]\nlevel = 1\n")
    assert patient.one(configuration.settings).level is Level.FAIL
    patient.config("kaimond.toml", "[")
    assert patient.one(configuration.settings).level is Level.FAIL


def test_an_unreadable_list_of_projects_is_a_failure(patient: Patient) -> None:
    patient.config("projects.json", "{")

    assert patient.one(configuration.projects).level is Level.FAIL


def test_a_directory_below_which_all_is_allowed_need_be_no_project(patient: Patient) -> None:
    above = patient.home / "above"
    above.mkdir()
    entry = {"project_path": str(above), "below": True}
    patient.config("projects.json", json.dumps({"projects": [entry]}))
    finding = patient.one(configuration.projects)
    assert finding.level is Level.OK
    assert "every project beneath it" in finding.text


def test_each_project_is_looked_at(patient: Patient) -> None:
    patient.julia()
    paths = {}
    for name in ("well", "incomplete", "no-project", "gone", "denied"):
        paths[name] = patient.home / name
        if name != "gone":
            paths[name].mkdir()
        if name in ("well", "incomplete"):
            (paths[name] / "Project.toml").write_text("")
    (paths["incomplete"] / "Project.toml").write_text(f'[deps]\nFoo = "{UUID}"\n')
    entries = [
        {"project_path": str(path), "enabled": name != "denied"} for name, path in paths.items()
    ]
    patient.config("projects.json", json.dumps({"projects": entries}))
    well, incomplete, strange, gone = patient.examine(configuration.projects)

    assert well.level is Level.OK
    assert incomplete.level is Level.WARN
    assert "no manifest" in incomplete.text
    assert "Pkg.instantiate()" in incomplete.cure
    assert "Project.toml" in strange.text
    assert "kaimonctl project deny" in gone.cure


def test_a_faulty_entry_is_told_and_hides_no_other(patient: Patient) -> None:
    entries = [{"project_path": 3}, {"project_path": str(patient.home), "launch_config": 3}]
    patient.config("projects.json", json.dumps({"projects": entries}))
    (patient.home / "Project.toml").touch()
    found = patient.examine(configuration.projects)

    assert [finding.level for finding in found] == [Level.WARN] * 3
    assert all(finding.cure for finding in found)

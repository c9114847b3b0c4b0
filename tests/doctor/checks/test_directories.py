"""Are the directories ours alone, and are their paths short enough?"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from kaimond.doctor.checks import directories
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from kaimond.doctor.finding import Finding
    from tests.doctor.conftest import Patient


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


def test_directories_that_are_not_there_yet_are_well_and_are_not_made(patient: Patient) -> None:
    del patient.environ["KAIMON_RUNTIME_DIR"]
    assert bad(patient.examine(directories.runtime_directory)) == []
    assert bad(patient.examine(directories.others)) == []
    assert list(patient.home.iterdir()) == []


def test_a_runtime_directory_that_others_can_enter_is_named_with_the_command(
    patient: Patient,
) -> None:
    directory = patient.home / "run"
    directory.mkdir()
    directory.chmod(0o755)
    failed, _environment = patient.examine(directories.runtime_directory)

    assert failed.level is Level.FAIL
    assert "755" in failed.text
    subprocess.run(failed.cure, shell=True, check=True)
    assert directories.privacy(directory) is None


def test_links_files_and_paths_below_files_are_named(patient: Patient) -> None:
    real = patient.home / "real"
    real.mkdir(mode=0o700)
    link, file = patient.home / "link", patient.home / "file"
    link.symlink_to(real)
    file.touch()

    for path, word in ((link, "symbolic link"), (file, "not a directory")):
        problem = directories.privacy(path)
        assert problem
        assert word in problem[0]
        assert problem[1]
    below = directories.privacy(file / "run")
    assert below
    assert below[1]


def test_a_configuration_that_others_can_change_is_a_failure(patient: Patient) -> None:
    patient.config("kaimond.toml", "").parent.chmod(0o777)
    failed = bad(patient.examine(directories.others))

    assert [finding.level for finding in failed] == [Level.FAIL]
    assert failed[0].cure.startswith("chmod 700 ")


def test_sockets_whose_paths_are_too_long_are_named_with_the_variable(patient: Patient) -> None:
    patient.environ["KAIMON_RUNTIME_DIR"] = str(patient.home / ("x" * 100))
    patient.environ["XDG_CACHE_HOME"] = str(patient.home / ("y" * 100))
    control = bad(patient.examine(directories.runtime_directory))
    sessions = bad(patient.examine(directories.others))

    assert "KAIMON_RUNTIME_DIR" in control[-1].cure
    assert "XDG_CACHE_HOME" in sessions[-1].cure

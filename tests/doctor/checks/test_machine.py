"""What the machine has left."""

from __future__ import annotations

import os
import resource
import shutil
from typing import TYPE_CHECKING

import pytest

from kaimond.doctor.checks import machine
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from kaimond.doctor.checks import Check
    from tests.doctor.conftest import Patient


@pytest.mark.parametrize(
    ("free", "level"), [(10 * 2**30, Level.OK), (2**29, Level.WARN), (2**20, Level.FAIL)]
)
def test_little_space_warns_and_no_space_fails(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    class Usage:
        pass

    Usage.free = free  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage)

    assert {finding.level for finding in patient.examine(machine.disk)} == {level}


@pytest.mark.parametrize("check", [machine.open_files, machine.processes, machine.terminals])
def test_limits_of_this_machine_can_be_told(patient: Patient, check: Check) -> None:
    assert patient.one(check).text


def test_few_open_files_warn(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    finding = patient.one(machine.open_files)

    assert finding.level is Level.WARN
    assert "ulimit -n 4096" in finding.cure


def test_few_processes_warn(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1000, 4096))
    monkeypatch.setattr(machine, "_running", lambda: 900)
    finding = patient.one(machine.processes)

    assert finding.level is Level.WARN
    assert "ulimit -u" in finding.cure


def test_no_terminal_warns(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", none_left)

    assert patient.one(machine.terminals).level is Level.WARN

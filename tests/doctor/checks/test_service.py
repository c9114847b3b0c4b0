"""The login service."""

from __future__ import annotations

import os
import plistlib
import sys
from typing import TYPE_CHECKING

from kaimond.doctor.checks import service
from kaimond.doctor.finding import Level
from kaimond.service_manager.service_plan import MARK, Installation
from kaimond.service_manager.service_state import LABEL, SERVICE
from kaimond.service_manager.systemd import Systemd

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.doctor.conftest import Patient


def unit(patient: Patient, program: str, mark: str = MARK) -> Path:
    if sys.platform == "darwin":
        file = patient.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        content = plistlib.dumps({"ProgramArguments": [program], "Comment": mark})
    else:
        file = patient.home / ".config" / "systemd" / "user" / SERVICE
        content = f'# {mark}\n[Service]\nExecStart="{program}" -m x\n'.encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_service_that_is_not_installed_is_well(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PACKAGED", ())
    assert patient.one(service.service).level is Level.OK


def test_a_service_must_start_a_program_that_exists(patient: Patient) -> None:
    unit(patient, "/no/such/kaimond")
    failed = patient.one(service.service)

    assert failed.level is Level.FAIL
    assert "kaimonctl service install" in failed.cure


def test_a_service_of_another_installation_or_hand_is_told(patient: Patient) -> None:
    unit(patient, "/bin/sh")
    assert "/bin/sh" in patient.examine(service.service)[0].text

    unit(patient, sys.executable, mark="mine")
    assert "not written by kaimonctl" in patient.examine(service.service)[0].text


def test_the_service_manager_is_asked(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    unit(patient, sys.executable)
    service_lines = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running"
    answer = patient.home / "answer"
    answer.write_text(f"{service_lines}\n\nLoadState=loaded\nActiveState=active\n")
    monkeypatch.setattr(Systemd, "question", lambda self: ("cat", str(answer)))
    monkeypatch.setattr(service, "_manager", lambda world: Systemd(owner(patient)))
    file = patient.home / ".config" / "systemd" / "user" / SERVICE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'# {MARK}\n[Service]\nExecStart="{sys.executable}"\n')
    assert "active (running)" in patient.one(service.service).text

    answer.write_text("")
    assert "systemd does not answer" in patient.one(service.service).text
    monkeypatch.setattr(Systemd, "question", lambda self: ("/no/such/program",))
    assert "cannot be asked" in patient.one(service.service).text


def owner(patient: Patient) -> Installation:
    return Installation(
        home=patient.home, uid=os.getuid(), environment={}, error_file=patient.home / "e"
    )

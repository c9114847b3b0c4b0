"""Kaimon.jl, which keeps its files where ours are."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kaimond.doctor.checks import neighbour
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient

UUID = "12345678-1234-1234-1234-123456789abc"


def announce(patient: Patient, name: str, pid: int) -> None:
    directory = patient.world.paths.sockets
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / name).write_text(json.dumps({"pid": pid, "name": "MyPkg"}))


def test_our_own_sessions_are_no_neighbours(patient: Patient) -> None:
    announce(patient, "1a2b3c4d.json", os.getpid())
    announce(patient, "1a2b3c4d.sock", 0)
    announce(patient, "1a2b3c4d.lock", 0)

    assert patient.one(neighbour.neighbour).level is Level.OK


def test_live_sessions_of_the_other_system_are_counted(patient: Patient) -> None:
    announce(patient, f"{UUID}.json", os.getpid())
    announce(patient, f"{UUID}-stream.sock", 0)
    finding = patient.one(neighbour.neighbour)

    assert finding.level is Level.WARN
    assert str(os.getpid()) in finding.text


def test_its_leftovers_are_told(patient: Patient) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    announce(patient, f"{UUID}.json", ended.pid)
    finding = patient.one(neighbour.neighbour)

    assert finding.level is Level.WARN
    assert "has left files" in finding.text


def test_other_files_are_told_and_are_no_trouble(patient: Patient) -> None:
    announce(patient, "something.txt", 0)
    (patient.world.paths.sockets.parent / "kaimon.db").touch()
    used, stranger = patient.examine(neighbour.neighbour)

    assert used.level is Level.OK
    assert "something.txt" in stranger.text


@pytest.mark.parametrize("pid", [0, -1, 1, 2**80, "x", None])
def test_announcements_with_strange_processes_count_as_dead(patient: Patient, pid: object) -> None:
    announce(patient, f"{UUID}.json", pid)  # type: ignore[arg-type]

    assert "has left files" in patient.one(neighbour.neighbour).text

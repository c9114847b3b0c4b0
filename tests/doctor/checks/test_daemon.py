"""The socket, and whoever answers on it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from kaimond import __version__, wire
from kaimond.doctor.checks import daemon
from kaimond.doctor.finding import Level
from kaimond.doctor.world import Contact, DaemonState

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient


def test_no_daemon_is_well(patient: Patient) -> None:
    assert patient.one(daemon.socket).level is Level.OK
    assert patient.one(daemon.daemon).level is Level.OK


def test_a_daemon_of_another_version_is_told_with_the_cure(patient: Patient) -> None:
    patient.contact = Contact(DaemonState.RUNNING, version={"version": "0.0.1", "pid": 7})
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.WARN
    assert "0.0.1" in finding.text
    assert __version__ in finding.text
    assert "kaimonctl reload" in finding.cure


def test_what_the_daemon_complains_about_is_told_and_so_are_old_shims(patient: Patient) -> None:
    status = {
        "problems": ["the disk is full"],
        "agents": [{"version": "0.0.1", "pid": 3}, {"version": __version__, "pid": 4}],
    }
    patient.contact = Contact(
        DaemonState.RUNNING, version={"version": __version__, "pid": 7}, status=status
    )
    well, problem, shim = patient.examine(daemon.daemon)

    assert well.level is Level.OK
    assert problem.text == "the disk is full"
    assert "process 3" in shim.text


def test_a_daemon_of_another_protocol_is_a_failure_with_its_own_cure(patient: Patient) -> None:
    words = wire.skew_words("ctl", wire.Side("0.2.0", 3, 3), wire.Side("0.1.0", 1, 2))
    patient.contact = Contact(DaemonState.SKEWED, words)
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.FAIL
    assert "too old" in finding.text
    assert "kaimonctl reload" in finding.cure


def test_a_daemon_that_does_not_answer_is_a_failure(patient: Patient) -> None:
    patient.contact = Contact(DaemonState.UNCLEAR, "kaimond has not answered for 5 s.")
    finding = patient.one(daemon.daemon)

    assert finding.level is Level.FAIL
    assert "kaimonctl log" in finding.cure


def test_what_is_at_the_sockets_path_is_looked_at(patient: Patient) -> None:
    path = patient.world.paths.control_socket
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        assert patient.one(daemon.socket).cure == f"chmod 600 {path}"
        path.chmod(0o600)
        assert patient.one(daemon.socket).level is Level.OK
    path.unlink()
    path.touch()
    assert patient.one(daemon.socket).level is Level.FAIL

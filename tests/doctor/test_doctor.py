"""``kaimonctl doctor`` as a whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from kaimond import wire
from kaimond.ctl import contact
from kaimond.doctor import examine
from kaimond.doctor.checks import CHECKS
from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient

CTL = [sys.executable, "-P", "-c", "import sys; from kaimond.ctl import main; sys.exit(main())"]

SKEWED = {
    "kaimon": 99,
    "version": "9.0.0",
    "ok": False,
    "oldest": 99,
    "pid": 7,
    "error": {"code": "protocol", "message": "no"},
}


def doctor(patient: Patient, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*CTL, "doctor", *arguments],
        env={**patient.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_a_check_that_fails_itself_is_told_and_hides_no_other(patient: Patient) -> None:
    def broken(world: object) -> NoReturn:
        raise ZeroDivisionError("by nought")

    def fine(world: object) -> list[Finding]:
        return [Finding("fine", Level.OK, "all is well")]

    failed, well = examine(patient.world, {"broken": broken, "fine": fine})

    assert failed.check == "broken"
    assert failed.level is Level.FAIL
    assert "ZeroDivisionError: by nought" in failed.text
    assert failed.cure
    assert well.text == "all is well"


def test_whatever_is_not_well_comes_with_a_cure(patient: Patient) -> None:
    patient.config("kaimond.toml", "[")
    patient.config("projects.json", "[]")
    patient.environ["PATH"] = "/nowhere"
    (patient.home / "run").mkdir(mode=0o755)
    (patient.home / ".cache").mkdir()
    (patient.home / ".cache" / "kaimon").touch()
    found = list(examine(patient.world))

    assert {finding.check for finding in found} >= {"settings", "projects", "runtime", "julia"}
    assert [each for each in found if each.level is not Level.OK and not each.cure] == []


def test_where_nothing_fails_the_exit_code_is_zero_and_nothing_is_made(patient: Patient) -> None:
    patient.julia()
    before = sorted(patient.home.rglob("*"))
    done = doctor(patient)

    assert done.returncode == 0, done.stdout
    assert "fail  " not in done.stdout
    assert "0 failures" in done.stdout
    assert sorted(patient.home.rglob("*")) == before


def test_the_exit_code_is_one_where_something_fails_and_the_cure_is_told(patient: Patient) -> None:
    patient.config("kaimond.toml", '[julia]\ncommand = "/no/julia"\n')
    done = doctor(patient)

    assert done.returncode == 1
    assert "/no/julia" in done.stdout
    assert "-> " in done.stdout


def test_programs_get_the_same_findings(patient: Patient) -> None:
    patient.julia()
    done = doctor(patient, "--json")
    told = json.loads(done.stdout)

    assert told["ok"] is (done.returncode == 0)
    assert {each["level"] for each in told["findings"]} <= {"ok", "warn", "fail"}
    assert all(set(each) == {"check", "level", "text", "cure"} for each in told["findings"])


def test_a_person_can_find_each_check_by_its_name() -> None:
    assert len(CHECKS) == len(set(CHECKS.values()))


@pytest.mark.parametrize("value", ["\x00", "not a path"])
def test_strange_environments_do_not_stop_it(patient: Patient, value: str) -> None:
    patient.environ["JULIA_DEPOT_PATH"] = value
    patient.environ["PATH"] = value

    assert len(list(examine(patient.world))) >= len(CHECKS) - 2


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (wire.encode(SKEWED), "skewed"),
        (b"220 mail ready\n", "unclear"),
        (b"", "unclear"),
    ],
)
def test_whatever_answers_on_the_socket_is_told_apart(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, answer: bytes, state: str
) -> None:
    monkeypatch.setenv("KAIMON_RUNTIME_DIR", str(patient.home / "run"))
    (patient.home / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(patient.world.paths.control_socket))
        listener.listen(1)

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        found = contact.ask()
        thread.join()

    assert found.state == state
    assert found.words

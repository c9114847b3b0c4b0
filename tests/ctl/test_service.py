"""``kaimonctl service`` with a systemd by script: what is written, run, proved and told."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from kaimond import ctl, paths
from kaimond.control.listener import DaemonLock
from kaimond.ctl import client, service_manager
from kaimond.ctl.output import CtlError
from kaimond.service_manager import service_state
from kaimond.service_manager.launchd import Launchd
from kaimond.service_manager.service_plan import Installation
from kaimond.service_manager.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Daemon:
    """What `client.connect_or_start` gives here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, _method: str) -> dict[str, Any]:
        return {"version": "1.2.3", "pid": self.pid}


class Script:
    """A systemd that remembers what it was told and starts nothing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.units = home / ".config" / "systemd" / "user"
        self.path = "/bin"
        self.told: list[str] = []
        self.failing: dict[str, str] = {}
        self.pid = 0
        self.enabled = False
        self.answers = 0
        """Pid that the daemon says it has; 0 if it is the one that was started."""

    def manager(self) -> Systemd:
        return Systemd(Installation(self.home, 1000, {"PATH": self.path}, self.home / "err", "/py"))

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        if command[0] == "journalctl":
            return 0, "kaimond: line 3 of kaimond.toml: no\n", ""
        verb = command[2]
        if verb == "show":
            enabled = f"UnitFileState={'enabled' if self.enabled else ''}"
            active = "active" if self.pid else "inactive"
            shown = f"LoadState=loaded\nMainPID={self.pid}\nActiveState={active}\n{enabled}"
            return 0, f"{shown}\n\n{shown}", ""
        self.told.append(verb)
        if verb in self.failing:
            return 1, "", self.failing[verb]
        if verb == "start":
            self.pid = 42
        if verb in {"enable", "disable"}:
            self.enabled = verb == "enable"
        if verb == "stop":
            self.pid = 0
        return 0, "", ""

    def forget(self) -> None:
        self.told.clear()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.setenv("KAIMON_RUNTIME_DIR", str(made / "run"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def systemd(home: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script(home)
    monkeypatch.setattr(service_manager, "find", script.manager)
    monkeypatch.setattr(service_manager, "_run", script.run)
    monkeypatch.setattr(
        client, "connect_or_start", lambda: Daemon(script.answers or script.pid or -1)
    )
    return script


@pytest.fixture
def kaimonctl(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = ctl.main(["service", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def other_daemon(home: Path) -> Iterator[DaemonLock]:
    lock = DaemonLock(paths.resolve())
    lock.announce()
    yield lock
    lock.release()


def test_an_installation_writes_enables_starts_and_sees_that_the_daemon_answers(
    systemd: Script, kaimonctl: Any
) -> None:
    code, out, _ = kaimonctl("install")
    assert code == 0
    assert systemd.told == ["daemon-reload", "enable", "reset-failed", "start"]
    for unit in ("kaimond.service", "kaimond.socket"):
        assert f"{systemd.units / unit}: written" in out
        assert (systemd.units / unit).exists()
    assert "kaimond 1.2.3 runs as the service (pid 42)" in out
    assert sorted(file.name for file in systemd.units.iterdir()) == [
        "kaimond.service",
        "kaimond.socket",
    ]


def test_a_second_installation_changes_nothing(systemd: Script, kaimonctl: Any) -> None:
    kaimonctl("install")
    before = {file: file.stat().st_mtime_ns for file in systemd.units.iterdir()}
    systemd.forget()
    code, out, err = kaimonctl("install")
    assert code == 0
    assert out.count("unchanged") == 2
    assert "daemon-reload" not in systemd.told
    assert "earlier settings" not in err
    assert {file: file.stat().st_mtime_ns for file in systemd.units.iterdir()} == before


def test_an_installation_over_a_running_one_says_that_a_restart_would_end_sessions(
    systemd: Script, kaimonctl: Any
) -> None:
    kaimonctl("install")
    systemd.forget()
    systemd.path = "/home/you/.juliaup/bin:/bin"
    code, out, err = kaimonctl("install")
    assert code == 0
    assert "kaimond.service: written" in out
    assert "kaimond.socket: unchanged" in out
    assert "stop" not in systemd.told
    assert "kaimonctl service restart" in err


def test_how_to_survive_a_logout_is_told(systemd: Script, kaimonctl: Any) -> None:
    _, _, err = kaimonctl("install")
    lingers = systemd.manager().lingers(_name(), Path("/"))
    assert ("loginctl enable-linger" in err) is not lingers


def _name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_a_unit_that_somebody_else_has_written_is_left_alone(
    systemd: Script, kaimonctl: Any, link: bool
) -> None:
    systemd.units.mkdir(parents=True)
    theirs = systemd.units / "kaimond.service"
    if link:
        theirs.symlink_to("/dev/null")
    else:
        theirs.write_text("[Service]\nExecStart=/their/kaimond\n")
    for action in ("install", "uninstall"):
        code, _, err = kaimonctl(action)
        assert code == 1
        assert f"{theirs} was not written by kaimonctl" in err
    assert theirs.is_symlink() if link else theirs.read_text().startswith("[Service]")
    assert [file.name for file in systemd.units.iterdir()] == ["kaimond.service"]
    assert systemd.told == []


def test_a_unit_that_cannot_be_written_is_as_it_was_and_nothing_is_done(
    systemd: Script, kaimonctl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaimonctl("install")
    before = {file.name: file.read_bytes() for file in systemd.units.iterdir()}
    systemd.forget()
    systemd.path = "/home/you/.juliaup/bin:/bin"

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        code, _, err = kaimonctl("install")
    assert code == 1
    assert "kaimond.service cannot be written (No space left on device), and is as it was" in err
    assert {file.name: file.read_bytes() for file in systemd.units.iterdir()} == before
    assert systemd.told == []
    assert kaimonctl("install")[0] == 0


def test_what_systemd_and_the_daemon_say_of_a_failure_is_told(
    systemd: Script, kaimonctl: Any
) -> None:
    systemd.failing["start"] = "Job for kaimond.service failed."
    code, _, err = kaimonctl("install")
    assert code == 1
    assert "systemd could not start the service: Job for kaimond.service failed." in err
    assert "Last in its log: kaimond: line 3 of kaimond.toml: no" in err


def test_another_process_that_answers_is_not_taken_for_the_service(
    systemd: Script, kaimonctl: Any
) -> None:
    systemd.answers = 7
    code, out, err = kaimonctl("install")
    assert code == 4
    assert "process 7 answers" in err
    assert "runs as the service" not in out


def test_a_daemon_that_runs_already_is_neither_ended_nor_robbed_of_its_path(
    systemd: Script, kaimonctl: Any, other_daemon: DaemonLock
) -> None:
    code, _, err = kaimonctl("install")
    assert code == 0
    assert f"kaimond (pid {os.getpid()}) runs already" in err
    assert "start" not in systemd.told
    code, _, err = kaimonctl("start")
    assert code == 1
    assert "not as the service" in err
    assert "start" not in systemd.told


def test_stop_and_restart_see_the_end_of_the_daemon(systemd: Script, kaimonctl: Any) -> None:
    kaimonctl("install")
    systemd.forget()
    assert kaimonctl("stop") == (0, "kaimond (pid 42) has ended.\n", "")
    assert kaimonctl("stop") == (0, "The service did not run.\n", "")
    assert kaimonctl("restart")[0] == 0
    assert systemd.told == ["stop", "stop", "stop", "reset-failed", "start"]


def test_a_removal_leaves_nothing_and_can_be_repeated(systemd: Script, kaimonctl: Any) -> None:
    kaimonctl("install")
    systemd.forget()
    code, out, _ = kaimonctl("uninstall")
    assert code == 0
    assert systemd.told == ["stop", "disable", "reset-failed", "daemon-reload"]
    assert out.count("removed") == 2
    assert list(systemd.units.iterdir()) == []
    assert kaimonctl("uninstall") == (0, "kaimond is not installed as a service.\n", "")


@pytest.mark.parametrize("action", ["start", "stop", "restart"])
def test_what_is_not_installed_says_how_to_install_it(
    systemd: Script, kaimonctl: Any, action: str
) -> None:
    code, _, err = kaimonctl(action)
    assert code == 1
    assert "kaimonctl service install" in err
    assert systemd.told == []


def test_status_is_told_to_people_and_to_programs(systemd: Script, kaimonctl: Any) -> None:
    assert kaimonctl("status")[0] == 3
    assert kaimonctl("status")[1].startswith("not installed")
    kaimonctl("install")
    code, out, _ = kaimonctl("status", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["manager"] == "systemd"
    assert facts["installed"]
    assert facts["enabled"]
    assert facts["pid"] == 42
    assert [file["current"] for file in facts["files"]] == [True, True]
    systemd.path = "/other"
    code, out, _ = kaimonctl("status")
    assert code == 0
    assert "the daemon is process 42" in out
    assert f"{systemd.units / 'kaimond.service'}: kaimonctl service install would change it" in out


def test_another_runtime_directory_has_no_service(home: Path, kaimonctl: Any) -> None:
    code, _, err = kaimonctl("install")
    assert code == 1
    assert "KAIMON_RUNTIME_DIR is set" in err
    assert list(home.iterdir()) == []
    code, out, _ = kaimonctl("status", "--json")
    assert code == 3
    assert json.loads(out)["manager"] is None


def test_without_a_service_manager_the_background_is_offered(
    home: Path, monkeypatch: pytest.MonkeyPatch, kaimonctl: Any
) -> None:
    monkeypatch.delenv("KAIMON_RUNTIME_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(service_state, "systemd_runs", lambda _: False)
    code, _, err = kaimonctl("install")
    assert code == 1
    assert "kaimond --detach" in err


def test_a_command_that_is_missing_is_a_failure_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    manager = Script(home).manager()
    with pytest.raises(CtlError, match=r"systemd could not start the service: .*systemctl"):
        service_manager.carry_out(manager, manager.starting())


def test_the_folder_that_launchd_needs_is_made(home: Path) -> None:
    log = home / ".local" / "state" / "kaimon" / "log"
    agent = Launchd(Installation(home, 501, {}, log / "launchd.log", "/py"))
    (path,) = service_manager.write(agent)
    assert path.exists()
    assert log.stat().st_mode & 0o777 == 0o700


def test_the_module_can_be_run_as_the_units_do(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "kaimond.ctl", "status"], capture_output=True, check=False
    )
    assert done.returncode == 3

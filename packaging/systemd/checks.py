"""What is checked, in this order: one life of a service, from its installation to its removal.

Each check is a function that returns a few words about what it saw, or raises `FailedError`.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from machine import DEADLINE, HOME, UID, FailedError, Machine, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

PROJECT: Final = f"{HOME}/Project"
SOCKET: Final = f"/run/user/{UID}/kaimon/kaimond.sock"
WATCHDOG: Final = 20
"""Seconds instead of the unit's own, set by a drop-in as a user would: three checks wait for it."""

AGENT: Final = "python3 /opt/agent.py"
UNITS: Final = f"{HOME}/.config/systemd/user"


class Service:
    """What the checks know of each other."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.julia = 0
        """Pid of the session's process, as the container sees it."""
        self.idle: subprocess.Popen[str] | None = None

    # Looking

    def show(self, name: str, unit: str = "kaimond.service") -> str:
        """A property of a unit."""
        return self.machine.user(f"systemctl --user show --value -p {name} {unit}").strip()

    def main_pid(self) -> int:
        """Of the daemon that systemd knows; 0 if there is none."""
        return int(self.show("MainPID") or 0)

    def status(self) -> dict[str, Any]:
        """What the daemon says."""
        found: dict[str, Any] = json.loads(self.machine.user("kaimonctl status --json"))
        return found

    def instance(self) -> str:
        """Which run of the program answers; empty if none does at this moment."""
        done = self.machine.try_user("kaimonctl status --json")
        return "" if done.returncode else str(json.loads(done.stdout)["instance"])

    def exists(self, pid: int) -> bool:
        """Whether the container has a process of that number."""
        return self.machine.root(f"test -d /proc/{pid} && echo yes").strip() == "yes"

    def evaluate(self, code: str) -> str:
        """What an agent gets for code."""
        return self.machine.user(f"{AGENT} {shlex.quote(code)}").strip()

    def start_session(self) -> int:
        """Start a session, give it a state, and return its pid."""
        self.machine.user(f"kaimonctl start {PROJECT}")
        (session,) = self.status()["sessions"]
        must_be(self.evaluate("answer = 41"), "41")
        self.julia = int(session["pid"])
        return self.julia

    def session_lives(self, *, after: int) -> None:
        """The one session has the process and the state that it had before."""
        (session,) = self.status()["sessions"]
        must_be(session["pid"], self.julia)
        must_be(self.evaluate("answer += 1"), str(after))

    def nothing_left(self) -> None:
        """No process of the user's but its systemd, and no socket."""
        wait_until(lambda: not self.exists(self.julia), "the session's process is gone")

        def left() -> list[str]:
            names = self.machine.root(_COMMANDS).split()
            return [name for name in names if name not in {"systemd", "(sd-pam)", "dbus-daemon"}]

        wait_until(lambda: not left(), f"nothing is left of {left()}")
        must_be(self.machine.root(f"ls {SOCKET} 2>&1 >/dev/null").strip() != "", True)


_COMMANDS = (
    f'for each in /proc/[0-9]*; do test "$(stat -c %u $each 2>/dev/null)" = {UID} && '
    "tr ' ' _ < $each/comm; done; true"
)


def must_be(found: object, expected: object) -> None:
    """Compare.

    Raises:
        FailedError: they differ.
    """
    if found != expected:
        raise FailedError(f"{found!r} instead of {expected!r}")


def installed(service: Service) -> str:
    """The wheel, into an environment of the user's own."""
    where = f"{HOME}/.local/share/kaimond"
    service.machine.user(f"python3 -m venv {where}", timeout=180)
    command = f"{where}/bin/pip install --quiet --no-index --find-links /opt/wheels kaimond"
    service.machine.user(command, timeout=180)
    return service.machine.user("kaimond --version").strip()


def service_installed(service: Service) -> str:
    """`kaimonctl service install` as an ordinary user, twice."""
    machine = service.machine
    machine.user(
        f"mkdir -p {UNITS}/kaimond.service.d && "
        f"printf '[Service]\\nWatchdogSec={WATCHDOG}\\n' > {UNITS}/kaimond.service.d/test.conf"
    )
    first = machine.user("kaimonctl service install 2>&1")
    if "runs as the service" not in first or first.count(": written") != 2:  # noqa: PLR2004 - units
        raise FailedError(first)
    must_be(machine.user("kaimonctl service install").count(": unchanged"), 2)
    must_be(service.show("UnitFileState"), "enabled")
    must_be(service.show("ActiveState"), "active")
    must_be(service.status()["pid"], service.main_pid())
    must_be("enable-linger" in first, False)
    return f"daemon {service.main_pid()} answers; the second time changed nothing"


def session_started(service: Service) -> str:
    """A session, with the Julia of the user's own PATH."""
    service.machine.user(f"mkdir -p {PROJECT} && touch {PROJECT}/Project.toml")
    service.machine.user(f"kaimonctl project allow {PROJECT}")
    pid = service.start_session()
    group = service.machine.root(f"cat /proc/{pid}/cgroup")
    must_be("kaimond.service" in group, True)
    return f"Julia {pid}, in the service's control group"


def killed(service: Service) -> str:
    """SIGKILL of the daemon while code runs and its agent waits."""
    before = service.main_pid()
    waits = 'while !isfile("/tmp/go"); sleep(0.1); end; answer'
    waiting = service.machine.begin_user(f"{AGENT} {shlex.quote(waits)}")
    wait_until(lambda: service.status()["sessions"][0]["state"] == "busy", "the session evaluates")
    service.machine.root(f"kill -9 {before}")
    after = wait_until(lambda: _another(service, before), "another daemon answers")
    service.machine.root("touch /tmp/go")
    said, complaint = waiting.communicate(timeout=DEADLINE)
    if waiting.returncode or said.strip() != "41":
        raise FailedError(f"the waiting agent got {said!r} {complaint!r}")
    service.session_lives(after=42)
    must_be(service.show("NRestarts"), "1")
    return f"daemon {before} -> {after}; the waiting agent got its answer"


def _another(service: Service, before: int) -> int:
    pid = service.main_pid()
    return pid if pid not in {0, before} and service.instance() else 0


def reloaded(service: Service) -> str:
    """`systemctl --user reload`, and that the watchdog is still fed."""
    before, instance = service.main_pid(), service.instance()
    service.machine.user("systemctl --user reload kaimond")
    must_be(service.main_pid(), before)
    must_be(service.instance() not in {"", instance}, True)
    must_be(service.show("ActiveState"), "active")
    service.session_lives(after=43)
    service.machine.user(f"sleep {WATCHDOG * 1.25:g}")
    must_be(service.main_pid(), before)
    must_be(service.show("NRestarts"), "1")
    return (
        f"same process {before}, alive after {WATCHDOG * 1.25:g} s with a watchdog of {WATCHDOG} s"
    )


def hung_up(service: Service) -> str:
    """A plain SIGHUP: systemd sees the reload."""
    before, instance = service.main_pid(), service.instance()
    service.machine.root(f"kill -HUP {before}")
    wait_until(lambda: service.instance() not in {"", instance}, "the new program answers")
    wait_until(lambda: service.show("ActiveState") == "active", "systemd says active")
    must_be(service.main_pid(), before)
    service.session_lives(after=44)
    return "same process, another program"


def frozen(service: Service) -> str:
    """SIGSTOP of the daemon: the watchdog has systemd start another one."""
    before = service.main_pid()
    service.machine.root(f"kill -STOP {before}")
    after = wait_until(lambda: _another(service, before), "another daemon answers")
    service.session_lives(after=45)
    must_be(service.show("NRestarts"), "2")
    journal = service.machine.root("journalctl --no-pager -o cat _UID=1000 2>/dev/null")
    for words in ("Watchdog timeout", "Fatal Python error: Aborted"):
        if words not in journal:
            raise FailedError(f"the journal does not say {words!r}")
    return f"daemon {before} -> {after}; the journal says where it hung"


def restarted(service: Service) -> str:
    """`systemctl --user restart` ends the session in order."""
    before, julia = service.main_pid(), service.julia
    service.machine.user("systemctl --user restart kaimond")
    after = service.main_pid()
    must_be(after not in {0, before}, True)
    must_be(service.exists(julia), False)
    must_be(service.status()["sessions"], [])
    ended = json.loads(service.machine.user("kaimonctl sessions --all --json"))["sessions"]
    must_be([session["state"] for session in ended], ["stopped"])
    return f"daemon {before} -> {after}; Julia {julia} stopped in order"


def activated(service: Service) -> str:
    """Who asks starts no daemon; who wants one does, by the socket alone."""
    service.idle = service.machine.begin_user(AGENT)
    assert service.idle.stdout
    must_be(service.idle.stdout.readline().strip(), "connected")
    service.machine.user("kaimonctl stop")
    must_be(service.show("ActiveState", "kaimond.socket"), "active")
    wait_until(lambda: service.show("ActiveState") == "inactive", "the service is inactive")
    must_be(service.machine.try_user("kaimonctl status").returncode, 3)
    service.machine.user("sleep 3")
    must_be(service.show("ActiveState"), "inactive")
    pid = service.start_session()
    must_be(service.status()["pid"], service.main_pid())
    must_be(service.main_pid() > 0, True)
    # The idle agent finds the new daemon by itself.
    wait_until(lambda: service.status()["agents"], "the idle agent is connected again")
    service.idle.communicate(timeout=DEADLINE)
    return f"idle agents leave it down; `kaimonctl start` has it started: Julia {pid}"


def stopped(service: Service) -> str:
    """`kaimonctl service stop` leaves nothing; an agent has systemd start it again."""
    service.machine.user("kaimonctl service stop")
    service.nothing_left()
    service.start_session()
    must_be(service.status()["pid"], service.main_pid())
    service.machine.user("systemctl --user stop kaimond.socket kaimond.service")
    service.nothing_left()
    return "no process, no socket, twice; in between a client had systemd start it"


def in_the_way(service: Service) -> str:
    """A daemon that somebody started by hand is neither ended nor robbed of its path."""
    machine = service.machine
    machine.user("kaimond --detach")
    by_hand = service.status()["pid"]
    must_be(machine.try_user("systemctl --user start kaimond").returncode != 0, True)
    must_be(machine.try_user("kaimonctl service start").returncode, 1)
    must_be(service.status()["pid"], by_hand)
    machine.user("kaimonctl stop")
    machine.user("kaimonctl service start")
    must_be(service.status()["pid"], service.main_pid())
    return "it goes on, and the service says who is in the way"


def rebooted(service: Service) -> str:
    """The machine goes down with a session, and comes up with the service."""
    service.start_session()
    service.machine.off()
    service.machine.boot()
    service.machine.wait_for_user()
    pid = wait_until(service.main_pid, "systemd has started the service")
    wait_until(service.instance, "it answers")
    must_be(service.status()["sessions"], [])
    ended = json.loads(service.machine.user("kaimonctl sessions --all --json"))["sessions"]
    must_be({session["state"] for session in ended}, {"stopped"})
    service.start_session()
    must_be(service.evaluate("answer"), "41")
    return f"daemon {pid} at boot; the session before was stopped in order"


def removed(service: Service) -> str:
    """`kaimonctl service uninstall`, and life without the service."""
    machine = service.machine
    machine.user("kaimonctl service uninstall")
    service.nothing_left()
    left = machine.root(f"find {UNITS} -not -type d -not -name test.conf").split()
    must_be(left, [])
    must_be(machine.try_user("kaimonctl service status").returncode, 3)
    service.start_session()
    must_be(service.main_pid(), 0)
    machine.user("kaimonctl stop")
    service.nothing_left()
    return "no file, no process; kaimond starts without it"


CHECKS: Final[tuple[tuple[str, Callable[[Service], str]], ...]] = (
    ("wheel in an environment of its own", installed),
    ("kaimonctl service install", service_installed),
    ("a session", session_started),
    ("kill -9 of the daemon", killed),
    ("systemctl --user reload", reloaded),
    ("SIGHUP", hung_up),
    ("SIGSTOP of the daemon (watchdog)", frozen),
    ("systemctl --user restart", restarted),
    ("socket activation", activated),
    ("stop", stopped),
    ("a daemon by hand", in_the_way),
    ("reboot", rebooted),
    ("kaimonctl service uninstall", removed),
)

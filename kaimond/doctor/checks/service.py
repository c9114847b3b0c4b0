"""Checks whether the login service is installed, starts this installation, and is supervised."""

from __future__ import annotations

import os
import plistlib
import pwd
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.doctor.finding import Finding, Level
from kaimond.service_manager import service_state
from kaimond.service_manager.launchd import Launchd
from kaimond.service_manager.service_plan import MARK, Installation
from kaimond.service_manager.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World
    from kaimond.service_manager.service_plan import Manager

LIMIT: Final = 20.0
"""Seconds for the service manager to answer."""

_PACKAGED: Final = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
_INSTALL: Final = "kaimonctl service install"


def service(world: World) -> Iterator[Finding]:
    """Check the user's units or launch agent, or the units installed by a package."""
    manager = _manager(world)
    file = manager.files()[0].path
    packaged = [Path(folder) / service_state.SERVICE for folder in _PACKAGED]
    found = next((each for each in (file, *packaged) if each.is_file()), None)
    if found is None:
        text = "no login service; the first agent that needs the daemon starts it"
        yield Finding("service", Level.OK, text)
        return
    text = found.read_text(encoding="utf-8", errors="replace")
    program = _program(found, text)
    if not program or not Path(program).is_file():
        what = f"{found} starts {program or 'nothing'}, which is not there"
        yield Finding("service", Level.FAIL, what, _INSTALL)
        return
    if found == file and MARK not in text:
        what = f"{found} was not written by kaimonctl, which leaves it alone"
        yield Finding(
            "service", Level.WARN, what, f"Look it through, or move it away and: {_INSTALL}"
        )
    elif found == file and program != sys.executable:
        what = f"{found} starts the installation of {program}, and this is {sys.executable}"
        yield Finding("service", Level.WARN, what, _INSTALL)
    yield _asked(manager, found)


def _asked(manager: Manager, file: Path) -> Finding:
    """Return the finding from the service manager's own report."""
    environ = service_state.manager_environment(os.environ, os.getuid())
    try:
        done = subprocess.run(
            manager.question(),
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        text = f"{file} is there, but {manager.name} cannot be asked ({error})"
        return Finding(
            "service", Level.WARN, text, "Without it, start the daemon: kaimond --detach"
        )
    state = manager.state(done.returncode, done.stdout)
    if not state.known:
        text = f"{file} is there, but {manager.name} does not know it: {state.said}"
        return Finding("service", Level.WARN, text, _INSTALL)
    if not state.enabled:
        text = f"{file} is there, but {manager.name} does not start it at login ({state.said})"
        return Finding("service", Level.OK, text, f"If it should: {_INSTALL}")
    user = pwd.getpwuid(os.getuid()).pw_name
    if manager.lingers(user, Path("/")):
        return Finding("service", Level.OK, f"{manager.name}: {state.said}; it outlives your login")
    text = f"{manager.name}: {state.said}; it ends when you log out"
    return Finding("service", Level.OK, text, "If it should stay: loginctl enable-linger")


def _manager(world: World) -> Manager:
    installation = Installation(
        home=world.home,
        uid=os.getuid(),
        environment=world.environ,
        error_file=world.paths.state / "log" / "launchd.log",
    )
    return Launchd(installation) if sys.platform == "darwin" else Systemd(installation)


def _program(file: Path, text: str) -> str:
    """Return the program that a unit or launch agent starts; "" if it names none."""
    if file.suffix == ".plist":
        words = plistlib.loads(text.encode()).get("ProgramArguments", [])
        return str(words[0]) if words else ""
    for line in text.splitlines():
        if line.startswith("ExecStart="):
            words = shlex.split(line.removeprefix("ExecStart="))
            # Prefixes such as "-" change how systemd runs a program; %% is a percent sign.
            return words[0].lstrip("-@:+!").replace("%%", "%") if words else ""
    return ""

"""Have the system start kaimond at login and look after it: systemd on Linux, launchd on macOS.

Exit code of `status`: 0: the service runs; 3: it does not, or is not installed; 4: unknown.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond.ctl import client, ending, render, service_manager
from kaimond.ctl.output import CtlError, ExitCode, remark, say, say_json

if TYPE_CHECKING:
    import argparse

    from kaimond.service_manager.service_plan import Manager, ServiceState

EXAMPLE: Final = "kaimonctl service install"

ACTIONS: Final = {
    "install": "write what the system needs, have kaimond start at every login, and start it now",
    "uninstall": "undo that; the daemon and its sessions end",
    "status": "whether the service is installed and runs",
    "start": "start the service",
    "stop": "end the daemon, in order; it starts again at the next login or with an agent",
    "restart": "end the daemon, in order, and start it; `kaimonctl reload` keeps the sessions",
}

ENDING: Final = 130.0
"""Seconds for an orderly end; a little more than the service manager allows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        action = actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl service {name}"
        )
        if name == "status":
            action.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """Find the service manager and carry out the action."""
    if options.action == "status":
        return _status(as_json=options.json)
    manager = service_manager.find()
    if options.action == "install":
        return _install(manager)
    if not any(file.path.exists() for file in manager.files()):
        if options.action == "uninstall":
            say("kaimond is not installed as a service.")
            return 0
        raise CtlError(
            "kaimond is not installed as a service. Nothing was done. "
            "Install it with: kaimonctl service install"
        )
    if options.action == "uninstall":
        return _uninstall(manager)
    if options.action in {"stop", "restart"}:
        _stop(manager)
    if options.action == "restart":
        service_manager.carry_out(manager, manager.between())
    if options.action in {"start", "restart"}:
        _start(manager)
    return 0


def _install(manager: Manager) -> int:
    changed = service_manager.write(manager)
    for path, new in changed.items():
        say(f"{path}: {'written' if new else 'unchanged'}")
    before = service_manager.state(manager)
    if any(changed.values()) or not before.enabled:
        service_manager.carry_out(manager, manager.loading())
    say(f"{manager.name} starts kaimond at every login.")
    _tell_of_logout(manager)
    other = _daemon_of_somebody_else(before)
    if other:
        remark(
            f"{other} runs already, and goes on. The service takes over at the next login, or "
            "now with `kaimonctl stop && kaimonctl service start`, which ends its sessions."
        )
        return 0
    if before.pid and any(changed.values()):
        remark(
            "the running kaimond still has the earlier settings of the service. Sessions end if "
            "you apply them now: kaimonctl service restart"
        )
    _start(manager)
    return 0


def _uninstall(manager: Manager) -> int:
    files = manager.files()
    for file in files:
        if not service_manager.ours(file.path):
            raise CtlError(
                f"{file.path} was not written by kaimonctl. Nothing was changed. Remove it by hand."
            )
    _stop(manager)
    service_manager.carry_out(manager, manager.removing())
    for path in service_manager.remove(files):
        say(f"{path}: removed")
    service_manager.carry_out(manager, manager.removed())
    say("kaimond is no service any more. It starts with the first agent that needs it.")
    return 0


def _start(manager: Manager) -> None:
    """Start the service and check that it answers."""
    other = _daemon_of_somebody_else(service_manager.state(manager))
    if other:
        raise CtlError(
            f"{other} runs already, and not as the service. Nothing was done. "
            "`kaimonctl stop` ends it and its sessions."
        )
    service_manager.carry_out(manager, manager.starting())
    with client.connect_or_start() as daemon:
        facts = daemon.call("version")
    pid = service_manager.state(manager).pid
    if facts.get("pid") != pid:
        raise CtlError(
            f"{manager.name} says that it has started process {pid}, but process "
            f"{facts.get('pid')} answers. `kaimonctl service status` shows more.",
            ExitCode.UNKNOWN,
        )
    say(f"kaimond {render.escape(str(facts['version']))} runs as the service (pid {pid}).")


def _stop(manager: Manager) -> None:
    """Stop the service and check that its daemon is gone."""
    before = service_manager.state(manager)
    service_manager.carry_out(manager, manager.stopping())
    if before.pid:
        ending.wait_for_end(before.pid, ENDING)
    say(f"kaimond (pid {before.pid}) has ended." if before.pid else "The service did not run.")


def _status(*, as_json: bool) -> int:
    try:
        manager = service_manager.find()
    except service_manager.NoManagerError as error:
        if not as_json:
            raise
        say_json({"manager": None, "installed": False, "why_not": str(error)})
        return ExitCode.NOT_RUNNING
    files = manager.files()
    state = service_manager.state(manager)
    facts: dict[str, Any] = {
        "manager": manager.name,
        "installed": all(file.path.exists() for file in files),
        "files": [
            {"path": str(file.path), "current": service_manager.current(file)} for file in files
        ],
        "enabled": state.enabled,
        "active": state.active,
        "pid": state.pid or None,
        "state": state.said,
        "outlives_logout": _lingers(manager),
        "other_daemon": _daemon_of_somebody_else(state) or None,
    }
    if as_json:
        say_json(facts)
    else:
        _show(facts)
    return ExitCode.DONE if state.pid else ExitCode.NOT_RUNNING


def _show(facts: dict[str, Any]) -> None:
    if not facts["installed"]:
        say("not installed; install it with: kaimonctl service install")
    else:
        say(f"{facts['manager']}: {render.escape(facts['state'])}")
        say("starts at login" if facts["enabled"] else "does not start at login")
    for file in facts["files"]:
        if file["current"]:
            say(f"{file['path']}: current")
        elif facts["installed"]:
            say(f"{file['path']}: kaimonctl service install would change it")
    if facts["pid"]:
        say(f"the daemon is process {facts['pid']}")
    if facts["other_daemon"]:
        say(f"{facts['other_daemon']} runs, and not as the service")


def _tell_of_logout(manager: Manager) -> None:
    if not _lingers(manager):
        remark(
            "kaimond and its sessions end when you log out. To keep them, and to start at boot: "
            f"loginctl enable-linger {_user()}"
        )


def _lingers(manager: Manager) -> bool:
    return manager.lingers(_user(), Path("/"))


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # systemd accepts the number as well.
        return str(os.getuid())


def _daemon_of_somebody_else(state: ServiceState) -> str:
    """Describe who holds the daemon's lock, if it is not the service; "" if nobody else does."""
    pid = ending.announced_pid()
    if not ending.lock_is_held() or (state.pid and pid in {state.pid, None}):
        return ""
    return f"kaimond (pid {pid})" if pid else "a kaimond that is starting or ending"

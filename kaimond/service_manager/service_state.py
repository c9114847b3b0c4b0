"""Whether the service manager runs kaimond for this user, and which command starts it.

The shim asks before it starts a daemon itself, so this uses the standard library only, starts no
process and looks at the disk only a few times.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

SERVICE: Final = "kaimond.service"
SOCKET: Final = "kaimond.socket"
LABEL: Final = "org.kaimon.kaimond"

USER_UNITS: Final = ".config/systemd/user"
"""The directory of a user's own units, below the home directory."""

AGENTS: Final = "Library/LaunchAgents"
"""The directory of a user's own launchd agents, below the home directory."""

_ENABLED: Final = f"default.target.wants/{SERVICE}"


def start_command(
    directory: str,
    *,
    environ: Mapping[str, str],
    uid: int,
    root: str = "/",
    platform: str = sys.platform,
) -> list[str] | None:
    """Return the command that makes the service manager start kaimond; None if it does not run it.

    Args:
        directory: the runtime directory in which the daemon is wanted. The service uses the
            usual one; whoever names another wants another daemon.
        environ: the environment to read.
        uid: the user's number.
        root: the root of the file system.
        platform: as in `sys.platform`.
    """
    if environ.get("KAIMON_RUNTIME_DIR"):
        return None
    home = environ.get("HOME") or os.path.expanduser("~")
    if platform == "darwin":
        if not os.path.exists(agent_file(home)):
            return None
        return ["launchctl", "kickstart", launchd_target(uid)]
    if directory != f"/run/user/{uid}/kaimon" or not systemd_runs(uid, root):
        return None
    for units in (os.path.join(home, USER_UNITS), os.path.join(root, "etc/systemd/user")):
        if os.path.lexists(os.path.join(units, _ENABLED)):
            return ["systemctl", "--user", "start", SERVICE]
    return None


def manager_environment(environ: Mapping[str, str], uid: int) -> dict[str, str]:
    """Return the environment in which the service manager's programs find it.

    MCP clients strip ``XDG_RUNTIME_DIR``, and `systemctl` has no other way to find its manager.
    """
    return {**environ, "XDG_RUNTIME_DIR": environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"}


def systemd_runs(uid: int, root: str = "/") -> bool:
    """Return whether the user has a systemd of their own at this moment."""
    return os.path.exists(os.path.join(root, f"run/user/{uid}/systemd/private"))


def agent_file(home: str) -> str:
    """Return where launchd looks for our agent."""
    return os.path.join(home, AGENTS, f"{LABEL}.plist")


def launchd_target(uid: int) -> str:
    """Return launchd's name of our agent."""
    return f"gui/{uid}/{LABEL}"

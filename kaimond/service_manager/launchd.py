"""launchd: an agent for one user. Everything here is pure."""

from __future__ import annotations

import plistlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaimond.service_manager.service_plan import (
    MARK,
    File,
    Installation,
    ServiceState,
    Step,
    template,
)
from kaimond.service_manager.service_state import LABEL, agent_file, launchd_target

_NOT_LOADED: Final = 113
"""Exit code of `launchctl print` for an agent that launchd does not know."""


@dataclass(frozen=True)
class Launchd:
    """The launchd agent of one user."""

    installation: Installation

    @property
    def name(self) -> str:
        """The manager's name, for people."""
        return "launchd"

    @property
    def _domain(self) -> str:
        return f"gui/{self.installation.uid}"

    @property
    def _target(self) -> str:
        return launchd_target(self.installation.uid)

    @property
    def _file(self) -> Path:
        return Path(agent_file(str(self.installation.home)))

    def files(self) -> tuple[File, ...]:
        """Return the plist of the agent."""
        agent = plistlib.loads(template(f"{LABEL}.plist").encode())
        agent["ProgramArguments"][:1] = self.installation.program("kaimond.daemon")
        agent["EnvironmentVariables"] = self.installation.kept
        # launchd does not expand "~" there.
        agent["StandardErrorPath"] = str(self.installation.error_file)
        text = plistlib.dumps(agent, sort_keys=False).decode()
        first, rest = text.split("\n", 1)
        return (File(self._file, f"{first}\n<!-- {MARK}, which replaces it. -->\n{rest}"),)

    def folders(self) -> tuple[Path, ...]:
        """Return the error file's folder, as launchd opens the file before the daemon runs."""
        return (self.installation.error_file.parent,)

    def loading(self) -> tuple[Step, ...]:
        """Undo a `launchctl disable`. The file is read at login, and by `starting`."""
        return (Step(("launchctl", "enable", self._target), "enable the agent", needed=False),)

    def starting(self) -> tuple[Step, ...]:
        """Load the agent, which fails if it is loaded, and make sure that it runs."""
        return (
            Step(
                ("launchctl", "bootstrap", self._domain, str(self._file)),
                "load the agent",
                needed=False,
            ),
            Step(("launchctl", "kickstart", self._target), "start the agent"),
        )

    def stopping(self) -> tuple[Step, ...]:
        """End the daemon; launchd starts none after an ordinary end, and the agent stays loaded."""
        return (
            Step(("launchctl", "kill", "SIGTERM", self._target), "stop the agent", needed=False),
        )

    def between(self) -> tuple[Step, ...]:
        """Unload the agent, because launchd does not read a loaded one again."""
        return (self._out(),)

    def removing(self) -> tuple[Step, ...]:
        """Unload the agent."""
        return (self._out(),)

    def removed(self) -> tuple[Step, ...]:
        """Return no steps: launchd looks at the directory at login only."""
        return ()

    def _out(self) -> Step:
        return Step(("launchctl", "bootout", self._target), "unload the agent", needed=False)

    def question(self) -> tuple[str, ...]:
        """Return the command that prints what launchd knows of the agent."""
        return ("launchctl", "print", self._target)

    def state(self, code: int, output: str) -> ServiceState:
        """Read only the lines about the agent's process, since launchd promises no format."""
        if code == _NOT_LOADED:
            return ServiceState(said="not loaded")
        if code:
            return ServiceState(said="launchd does not answer")
        found = dict(re.findall(r"^\s*(state|pid) = (.+?)\s*$", output, re.MULTILINE))
        pid = found.get("pid", "0")
        return ServiceState(
            known=True,
            enabled=True,
            active=pid != "0",
            pid=int(pid) if pid.isdecimal() else 0,
            said=found.get("state", "loaded"),
        )

    def complaint(self) -> tuple[str, ...]:
        """Return the command that prints the end of the file with the error output."""
        return ("tail", "-n", "5", str(self.installation.error_file))

    def lingers(self, user: str, root: Path) -> bool:  # noqa: ARG002 - as for systemd
        """Return True: it always ends with the graphical session; there is nothing to switch on."""
        return True

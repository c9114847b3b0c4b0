"""systemd's user instance: a service with a socket of its own. Everything here is pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.service_manager.service_plan import (
    MARK,
    File,
    Installation,
    ServiceState,
    Step,
    template,
)
from kaimond.service_manager.service_state import SERVICE, SOCKET, USER_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CTL: Final = ("systemctl", "--user")
_PROPERTIES: Final = "LoadState,UnitFileState,ActiveState,SubState,MainPID,Result,NRestarts"
_HEAD: Final = f"# {MARK}, which replaces it.\n"


@dataclass(frozen=True)
class Systemd:
    """The systemd units of one user."""

    installation: Installation

    @property
    def name(self) -> str:
        """The manager's name, for people."""
        return "systemd"

    def files(self) -> tuple[File, ...]:
        """Return the service and its socket."""
        units = self.installation.home / USER_UNITS
        return (
            File(units / SERVICE, self._unit(SERVICE)),
            File(units / SOCKET, self._unit(SOCKET)),
        )

    def folders(self) -> tuple[Path, ...]:
        """Return no folders: the journal takes the output."""
        return ()

    def _unit(self, name: str) -> str:
        text = template(name)
        for program, module in (("kaimonctl", "kaimond.ctl"), ("kaimond", "kaimond.daemon")):
            command = exec_words(self.installation.program(module))
            text = text.replace(f"=/usr/bin/{program}", f"={command}")
        environment = "".join(
            f"Environment={quoted(f'{name}={value}')}\n"
            for name, value in self.installation.kept.items()
        )
        return _HEAD + text.replace("[Service]\n", f"[Service]\n{environment}")

    def loading(self) -> tuple[Step, ...]:
        """Read the units, and enable them at login."""
        return (
            Step((*_CTL, "daemon-reload"), "have systemd read the units"),
            Step((*_CTL, "enable", "--quiet", SOCKET, SERVICE), "enable the service"),
        )

    def starting(self) -> tuple[Step, ...]:
        """Start both. Failures are reset first, as systemd starts nothing after five of them."""
        return (
            Step((*_CTL, "reset-failed", SOCKET, SERVICE), "forget failures", needed=False),
            Step((*_CTL, "start", SOCKET, SERVICE), "start the service"),
        )

    def stopping(self) -> tuple[Step, ...]:
        """Stop both; otherwise the next client would start the service again."""
        return (Step((*_CTL, "stop", SOCKET, SERVICE), "stop the service"),)

    def between(self) -> tuple[Step, ...]:
        """Return no steps: `loading` has systemd read changed units."""
        return ()

    def removing(self) -> tuple[Step, ...]:
        """Disable the service at login."""
        return (
            Step((*_CTL, "disable", "--quiet", SOCKET, SERVICE), "disable the service"),
            Step((*_CTL, "reset-failed", SOCKET, SERVICE), "forget failures", needed=False),
        )

    def removed(self) -> tuple[Step, ...]:
        """Have systemd read the directory again."""
        return (Step((*_CTL, "daemon-reload"), "have systemd forget the units"),)

    def question(self) -> tuple[str, ...]:
        """Return the command that shows the state of the service and of the socket."""
        return (*_CTL, "show", f"--property={_PROPERTIES}", SERVICE, SOCKET)

    def state(self, code: int, output: str) -> ServiceState:
        """Read the properties: one paragraph for the service, one for the socket."""
        paragraphs = [properties(text) for text in output.strip().split("\n\n")]
        if code or len(paragraphs) != 2:  # noqa: PLR2004 - see `question`
            return ServiceState(said="systemd does not answer")
        service, socket = paragraphs
        active = service.get("ActiveState", "")
        said = f"{active} ({service.get('SubState', '')})"
        result = service.get("Result", "success")
        if result not in {"success", ""}:
            said += f", ended with {result}"
        if restarts := int(service.get("NRestarts", "0") or 0):
            said += f", restarted {restarts} times"
        if socket.get("ActiveState") == "active" and active != "active":
            said += "; the socket is open, a client starts it"
        return ServiceState(
            known=service.get("LoadState") == "loaded",
            enabled=service.get("UnitFileState", "").startswith("enabled"),
            active="active" in {active, socket.get("ActiveState")},
            pid=int(service.get("MainPID", "0") or 0),
            said=said,
        )

    def complaint(self) -> tuple[str, ...]:
        """Return the command that prints the last lines of the service's journal."""
        return ("journalctl", "--user-unit", SERVICE, "-n", "5", "-o", "cat", "--no-pager")

    def lingers(self, user: str, root: Path) -> bool:
        """Return whether systemd keeps the user's services running after a logout."""
        return (root / "var/lib/systemd/linger" / user).exists()


def properties(text: str) -> dict[str, str]:
    """Parse lines ``Name=value``."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def quoted(text: str) -> str:
    """Quote one word for a unit file, whatever is in it; ``%`` would begin a specifier."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def exec_words(command: Iterable[str]) -> str:
    """Return a unit file's command line; after the program's path ``$`` would begin a variable."""
    program, *arguments = (
        quoted(word) if set(word) & set(" \t\"'\\%$;") else word for word in command
    )
    return " ".join([program, *(word.replace("$", "$$") for word in arguments)])

"""What to tell a service manager, as data: its files and commands, and what its answers mean.

`systemd` and `launchd` make these without touching anything; ``kaimonctl service`` carries them
out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK: Final = "Written by `kaimonctl service install`"
"""A text in all our files; a file without it is somebody else's and is left alone."""

KEPT: Final = (
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "JULIA_DEPOT_PATH",
    "JULIAUP_DEPOT_PATH",
)
"""Variables of the installing shell that the service gets: those that locate Julia and our files,
which a service manager does not know."""

_UNITS: Final = Path(__file__).with_name("units")


@dataclass(frozen=True)
class Installation:
    """What is to be installed, and for whom.

    Attributes:
        home: the user's home directory.
        uid: the user's number.
        environment: the environment of the installing shell; `KEPT` are taken from it.
        error_file: takes the daemon's error output if the manager has no log of its own.
        python: the interpreter that has kaimond.
    """

    home: Path
    uid: int
    environment: Mapping[str, str]
    error_file: Path
    python: str = field(default=sys.executable)

    @property
    def kept(self) -> dict[str, str]:
        """The variables that the service gets. No unit can hold a line break."""
        found = {name: self.environment.get(name, "") for name in KEPT}
        return {name: value for name, value in found.items() if value and "\n" not in value}

    def program(self, module: str) -> list[str]:
        """Return the command of one of our programs, wherever pip has put its scripts.

        ``-P`` keeps the working directory off the import path.
        """
        return [self.python, "-P", "-m", module]


@dataclass(frozen=True)
class File:
    """A file that the manager reads."""

    path: Path
    text: str


@dataclass(frozen=True)
class Step:
    """A command of the manager.

    Attributes:
        command: the command to run.
        aim: what it is for, as the end of "could not …".
        needed: whether the whole operation fails if it does.
    """

    command: tuple[str, ...]
    aim: str
    needed: bool = True


@dataclass(frozen=True)
class ServiceState:
    """What the manager says about the service.

    Attributes:
        known: whether it has read the service's files.
        enabled: whether it starts the service at login.
        active: whether it has the service running, or listening for it.
        pid: the process id of the daemon that it started; 0 if there is none.
        said: its own words.
    """

    known: bool = False
    enabled: bool = False
    active: bool = False
    pid: int = 0
    said: str = ""


class Manager(Protocol):
    """A service manager. Every method is pure."""

    @property
    def name(self) -> str:
        """The manager's name, for people."""

    def files(self) -> tuple[File, ...]:
        """Return the files to be written."""

    def folders(self) -> tuple[Path, ...]:
        """Return the private directories that must exist before it starts anything."""

    def loading(self) -> tuple[Step, ...]:
        """Return the steps that make it read the files and start the service at every login."""

    def starting(self) -> tuple[Step, ...]:
        """Return the steps that start the daemon and end when it answers or has failed."""

    def stopping(self) -> tuple[Step, ...]:
        """Return the steps that end the daemon, in order."""

    def between(self) -> tuple[Step, ...]:
        """Return the steps between stop and start by which a restart uses changed files."""

    def removing(self) -> tuple[Step, ...]:
        """Return the steps that make it forget an ended service whose files still exist."""

    def removed(self) -> tuple[Step, ...]:
        """Return the steps that make it notice that the files are gone."""

    def question(self) -> tuple[str, ...]:
        """Return the command whose output `state` reads."""

    def state(self, code: int, output: str) -> ServiceState:
        """Return what an answer to `question` means."""

    def complaint(self) -> tuple[str, ...]:
        """Return the command that prints the last output of a daemon that did not start."""

    def lingers(self, user: str, root: Path) -> bool:
        """Return whether the service goes on when the user ``user`` has logged out."""


def template(name: str) -> str:
    """Return the text of a file in ``units``, which is a valid unit by itself, for packagers."""
    return (_UNITS / name).read_text(encoding="utf-8")

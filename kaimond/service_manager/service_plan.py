"""What a service manager is to be told, as data: which files, which commands, what an answer means.

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
"""In every file of ours; one without it is somebody else's and is left alone."""

KEPT: Final = (
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "JULIA_DEPOT_PATH",
    "JULIAUP_DEPOT_PATH",
)
"""Variables of the installing shell that the service gets: those by which Julia and our files are
found, of which a service manager knows nothing."""

_UNITS: Final = Path(__file__).with_name("units")


@dataclass(frozen=True)
class Installation:
    """What is to be installed, and for whom.

    Attributes:
        home: the user's home directory.
        uid: the user's number.
        environment: of the shell that installs; `KEPT` are taken from it.
        error_file: where a manager without a log of its own puts what the daemon says.
        python: the interpreter that has kaimond.
    """

    home: Path
    uid: int
    environment: Mapping[str, str]
    error_file: Path
    python: str = field(default=sys.executable)

    @property
    def kept(self) -> dict[str, str]:
        """The variables that the service gets. A line break fits into no unit."""
        found = {name: self.environment.get(name, "") for name in KEPT}
        return {name: value for name, value in found.items() if value and "\n" not in value}

    def program(self, module: str) -> list[str]:
        """The command of one of our programs, which works wherever pip has put its scripts.

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
        command: to be run.
        aim: what it is for, as the end of "could not …".
        needed: whether its failure is one of the whole.
    """

    command: tuple[str, ...]
    aim: str
    needed: bool = True


@dataclass(frozen=True)
class ServiceState:
    """What the manager says of the service.

    Attributes:
        known: whether it has read the service's files.
        enabled: whether it starts the service at login.
        active: whether it has the service running, or listening for it.
        pid: of the daemon that it started; 0 if there is none.
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
        """For people."""

    def files(self) -> tuple[File, ...]:
        """What is to be written."""

    def folders(self) -> tuple[Path, ...]:
        """Private directories that must be there before it starts anything."""

    def loading(self) -> tuple[Step, ...]:
        """Have it read the files, and start the service at every login."""

    def starting(self) -> tuple[Step, ...]:
        """Have it start the daemon; done when the daemon answers or has failed."""

    def stopping(self) -> tuple[Step, ...]:
        """Have it end the daemon, in order."""

    def between(self) -> tuple[Step, ...]:
        """What a restart needs between stop and start to use files that have changed."""

    def removing(self) -> tuple[Step, ...]:
        """Have it forget an ended service, whose files are still there."""

    def removed(self) -> tuple[Step, ...]:
        """Have it notice that the files are gone."""

    def question(self) -> tuple[str, ...]:
        """The command whose output `state` reads."""

    def state(self, code: int, output: str) -> ServiceState:
        """What an answer to `question` means."""

    def complaint(self) -> tuple[str, ...]:
        """The command that prints the last words of a daemon that did not start."""

    def lingers(self, user: str, root: Path) -> bool:
        """Whether the service goes on when the user ``user`` has logged out."""


def template(name: str) -> str:
    """The text of a file in ``units``, which is a valid unit by itself, for packagers."""
    return (_UNITS / name).read_text(encoding="utf-8")

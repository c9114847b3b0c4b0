"""What the checks look at: one user's environment, as the programs of Kaimon see it."""

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaimond import paths as paths_of
from kaimond.config import projects, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.supervisor.julia import Julia


class DaemonState(StrEnum):
    """What came of asking for the daemon."""

    RUNNING = "running"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Contact:
    """What the daemon answered.

    Attributes:
        state: whether it did.
        words: why not, for people.
        version: its answer to `version`.
        status: its answer to `status`.
    """

    state: DaemonState
    words: str = ""
    version: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


class World:
    """Everything that a check may ask for.

    What is broken is no reason to stop: whoever asks for settings that cannot be read gets the
    defaults, and the check of the configuration tells of it.

    Args:
        contact: what the daemon answered.
        environ: the environment to look at; the process's own if not given.

    Attributes:
        contact: what the daemon answered.
        environ: the environment that is looked at.
        paths: where everything lives.
    """

    def __init__(self, contact: Contact, environ: Mapping[str, str] | None = None) -> None:
        self.contact = contact
        self.environ = os.environ if environ is None else environ
        self.paths = paths_of.resolve(self.environ)
        self._asked: dict[str, Julia] = {}

    @property
    def home(self) -> Path:
        """The home directory."""
        return Path(self.environ.get("HOME") or Path.home())

    @functools.cached_property
    def settings(self) -> settings.Settings:
        """The settings, or the defaults if they cannot be read."""
        try:
            return settings.load(self.paths.settings_file, self.paths.settings_overlay).settings
        except settings.SettingsError:
            return settings.Settings()

    @functools.cached_property
    def projects(self) -> projects.Projects:
        """The list of projects."""
        return projects.load(self.paths.projects_file)

    def julia(self, command: str, wanted_by: str) -> Julia:
        """The Julia that a command means, found and asked as the daemon would.

        Raises:
            kaimond.supervisor.julia.JuliaError: there is none.
        """
        from kaimond.supervisor.julia import Julias  # noqa: PLC0415 - half of the checks need none

        if command not in self._asked:
            finding = Julias().find(command, self.environ, wanted_by=wanted_by)
            self._asked[command] = asyncio.run(finding)
        return self._asked[command]


def nearest_existing(path: Path) -> Path:
    """``path``, or the lowest directory above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path

"""The environment that the checks examine: one user's, as Kaimon's programs see it."""

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond import paths as paths_of
from kaimond.config import projects, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.config.projects import ProjectEntry
    from kaimond.toolchain.find_julia import Julia


class DaemonState(StrEnum):
    """The outcome of contacting the daemon."""

    RUNNING = "running"
    ABSENT = "absent"
    SKEWED = "skewed"
    """A daemon runs that speaks another protocol."""

    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Contact:
    """The daemon's answer.

    Attributes:
        state: the outcome of contacting it.
        words: why it did not answer, for people.
        version: its answer to `version`.
        status: its answer to `status`.
    """

    state: DaemonState
    words: str = ""
    version: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


class World:
    """Everything that a check may examine.

    A fault does not stop the checks: if the settings cannot be read, the defaults are used, and
    the check of the configuration reports the fault.

    Args:
        contact: the daemon's answer.
        environ: the environment to examine; by default that of this process.

    Attributes:
        contact: the daemon's answer.
        environ: the environment that is examined.
        paths: the locations of our files.
    """

    def __init__(self, contact: Contact, environ: Mapping[str, str] | None = None) -> None:
        self.contact = contact
        self.environ = os.environ if environ is None else environ
        self.paths = paths_of.resolve(self.environ)
        self._asked: dict[tuple[str, Path | None], Julia] = {}

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

    def julia(self, entry: ProjectEntry | None = None) -> Julia:
        """Return the Julia of a project, or the default Julia, found as the daemon would find it.

        The daemon's environment, and so its PATH, may differ: it has that of whoever started it.

        Raises:
            kaimond.toolchain.find_julia.JuliaError: no such Julia was found.
            kaimond.config.julia_options.LaunchError: the project's launch options cannot be used.
        """
        from kaimond.config import repo_options  # noqa: PLC0415 - half of the checks need none
        from kaimond.toolchain.find_julia import Julias  # noqa: PLC0415 - as above

        command, wanted_by, project = self.settings.julia.command, _DEFAULT, None
        if entry and entry.launch:
            launch = repo_options.combined(entry.path, entry.launch, entry.repo_launch)
            command, project = launch.julia(command), entry.path
            if launch.julia_bin:
                wanted_by = f"the launch_config of {entry.path}"
        key = (command, project)
        if key not in self._asked:
            finding = Julias().find(command, self.environ, wanted_by=wanted_by, project=project)
            self._asked[key] = asyncio.run(finding)
        return self._asked[key]


_DEFAULT: Final = "kaimond.toml ([julia] command)"


def nearest_existing(path: Path) -> Path:
    """Return ``path``, or its nearest ancestor that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path

"""What the checks look at: one user's environment, as the programs of Kaimon see it."""

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
    """What came of asking for the daemon."""

    RUNNING = "running"
    ABSENT = "absent"
    SKEWED = "skewed"
    """One runs whose protocol is not ours."""

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
        """The Julia of a project, or of those that say nothing, found as the daemon would.

        The daemon has another environment, and so perhaps another PATH: that of who started it.

        Raises:
            kaimond.toolchain.find_julia.JuliaError: there is none.
            kaimond.config.julia_options.LaunchError: how its Julia is started is not settled.
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
    """``path``, or the lowest directory above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path

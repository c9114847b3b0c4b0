"""The content of projects.json as it is now; each access costs only one stat of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.config import projects

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.preferences import Preferences
    from kaimond.config.projects import Projects


class CurrentProjects:
    """Reads projects.json again when it has changed.

    Args:
        file: the path of projects.json.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._listed = projects.Projects(file)
        self._preferences: dict[Path, Preferences] = {}

    @property
    def listed(self) -> Projects:
        """The content."""
        stamp = self._look()
        if stamp is None or stamp != self._stamp:
            self._listed, self._stamp = projects.load(self._file), stamp
            self._preferences.clear()
        return self._listed

    def preferences(self, project: Path) -> Preferences:
        """Return the preferences for a project's directory."""
        listed = self.listed
        if project not in self._preferences:
            self._preferences[project] = listed.preferences(project)
        return self._preferences[project]

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

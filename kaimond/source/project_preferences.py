"""Current preferences of projects; each access costs only one stat of projects.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.config import projects

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.preferences import Preferences


class CurrentPreferences:
    """Reads projects.json again when it has changed.

    Args:
        file: the path of projects.json.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._listed = projects.Projects(file)
        self._found: dict[Path, Preferences] = {}

    def of(self, project: Path) -> Preferences:
        """Return the preferences for a project's directory."""
        stamp = self._look()
        if stamp is None or stamp != self._stamp:
            self._listed, self._stamp = projects.load(self._file), stamp
            self._found.clear()
        if project not in self._found:
            self._found[project] = self._listed.preferences(project)
        return self._found[project]

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

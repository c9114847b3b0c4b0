"""Whom a preference is for: one project, the projects of one name, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.config import project_path

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE: Final = "*"
"""The pattern that every project matches."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, all projects of one name, or (with neither given) all projects.

    Attributes:
        path: The real path of the project.
        name: The name of the folder, in any case.
    """

    path: Path | None = None
    name: str = ""

    @classmethod
    def of(cls, text: str, base: Path) -> Scope:
        """Return the scope that a person means by `text`.

        Args:
            text: `*`, a path (which has a slash, or is `.`, `..` or `~`), or a name.
            base: The directory that a relative path begins at.

        Raises:
            PathRefusedError: It is empty, or no possible path or name.
        """
        if text == EVERYWHERE:
            return cls()
        if "/" in text or text in {".", ".."} or text.startswith("~"):
            return cls(path=project_path.resolve(text if text[0] in "/~" else f"{base}/{text}"))
        project_path.resolve(text and f"/{text}")  # for what it refuses
        return cls(name=text)

    @property
    def pattern(self) -> str:
        """How `session_prefs` writes it."""
        return str(self.path) if self.path else self.name or EVERYWHERE

    def __str__(self) -> str:
        """Describe whom the preference is for, as a phrase."""
        if self.path:
            return str(self.path)
        return f"every project named {self.name}" if self.name else "every project"

    def matches(self, pattern: str) -> bool:
        """Whether a pattern of `session_prefs` means exactly this scope."""
        if self.path:
            if "/" not in pattern:
                return False
            try:
                path = project_path.resolve(pattern)
            except project_path.PathRefusedError:
                return False
            return project_path.same_directory(path, self.path)
        if self.name:
            return pattern.casefold() == self.name.casefold()
        return pattern == EVERYWHERE

    def chain(self) -> tuple[Scope, ...]:
        """Return this scope and those that include it, the most specific one first."""
        everywhere = Scope()
        if self.path:
            return (self, Scope(name=self.path.name), everywhere)
        return (self, everywhere) if self.name else (everywhere,)

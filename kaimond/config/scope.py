"""The scope of a preference: one project, all projects of one name, or all projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.config import project_path

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE: Final = "*"
"""The pattern that matches every project."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, all projects of one name, or (with neither given) all projects.

    Attributes:
        path: The real path of the project.
        name: The name of the project's directory, ignoring case.
    """

    path: Path | None = None
    name: str = ""

    @classmethod
    def of(cls, text: str, base: Path) -> Scope:
        """Return the scope that `text` describes.

        Args:
            text: `*`, a path (containing a slash, or `.`, `..` or `~`), or a name.
            base: The directory that relative paths start from.

        Raises:
            PathRefusedError: The text is empty, or not a possible path or name.
        """
        if text == EVERYWHERE:
            return cls()
        if "/" in text or text in {".", ".."} or text.startswith("~"):
            return cls(path=project_path.resolve(text if text[0] in "/~" else f"{base}/{text}"))
        project_path.resolve(text and f"/{text}")  # for what it refuses
        return cls(name=text)

    @property
    def pattern(self) -> str:
        """The scope as `session_prefs` writes it."""
        return str(self.path) if self.path else self.name or EVERYWHERE

    def __str__(self) -> str:
        """Return a phrase that describes the scope."""
        if self.path:
            return str(self.path)
        return f"every project named {self.name}" if self.name else "every project"

    def matches(self, pattern: str) -> bool:
        """Return whether a pattern of `session_prefs` means exactly this scope."""
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
        """Return this scope and those that include it, most specific first."""
        everywhere = Scope()
        if self.path:
            return (self, Scope(name=self.path.name), everywhere)
        return (self, everywhere) if self.name else (everywhere,)

"""Which directories can be a project, and when two paths mean the same one.

A project is named by its real path: symlinks are resolved before anything is compared, so
neither a link nor `..` behind a link can lead around the list of allowed projects. This guards
against mistakes; it is no sandbox, since Julia code can read whatever its user can.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

from kaimond.errors import KaimonError

PROJECT_FILES: Final = ("JuliaProject.toml", "Project.toml")
"""The names Julia looks for, in its order."""


class PathRefusedError(KaimonError):
    """A path that cannot be a project; the text says why and what would do."""


def resolve(text: str) -> Path:
    """Return the real path that `text` names, which need not exist.

    Raises:
        PathRefusedError: It is empty, relative, or no possible path at all.
    """
    if not text:
        raise PathRefusedError("The project path is empty. Give the directory of a Julia project.")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise PathRefusedError(f"{text!a} holds characters that no path can have.") from error
    if "\0" in text:
        raise PathRefusedError(f"{text!a} holds a NUL character, which no path can have.")
    expanded = os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if not expanded.startswith("/"):
        raise PathRefusedError(
            f"{text!a} is not an absolute path, and the daemon cannot know what it is relative to. "
            "Give the whole path of the project's directory."
        )
    return Path(os.path.realpath(expanded))


def resolve_project(text: str) -> Path:
    """Return the real path of the Julia project that `text` names.

    Raises:
        PathRefusedError: It is no directory with a project file, or one that nobody can mean.
    """
    path = resolve(text)
    if path.name in PROJECT_FILES and path.is_file():
        raise PathRefusedError(f"{path} is a project file. Give its directory: {path.parent}")
    try:
        is_directory = path.is_dir()
        has_project = any((path / name).is_file() for name in PROJECT_FILES)
    except OSError as error:
        raise PathRefusedError(f"{path} cannot be looked into ({error.strerror}).") from error
    if not is_directory:
        what = "is not a directory" if os.path.lexists(path) else "does not exist"
        raise PathRefusedError(f"{path} {what}. Give the directory of a Julia project.")
    if not has_project:
        raise PathRefusedError(
            f"{path} has neither Project.toml nor JuliaProject.toml, so it is no Julia project. "
            "Give the directory that holds one of them."
        )
    return path


def is_too_wide(path: Path) -> bool:
    """Whether `path` is the root or the home directory, which are named by mistake as a rule."""
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - Path.home may raise
    return path == Path("/") or same_directory(path, Path(home))


def same_directory(one: Path, other: Path) -> bool:
    """Whether two real paths are the same directory.

    On a filesystem that ignores case (or the way accents are composed) two spellings of one
    directory differ as text; those, and only those, are compared by device and inode.
    """
    if one == other:
        return True
    if _folded(one) != _folded(other):
        return False
    try:
        return one.samefile(other)
    except OSError:
        return False


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()

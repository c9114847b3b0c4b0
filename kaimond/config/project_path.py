"""Which directories can be a project, and when two paths mean the same directory.

A project is identified by its real path: symlinks are resolved before anything is compared, so
neither a link nor `..` after a link can bypass the list of allowed projects. This guards against
mistakes; it is not a sandbox, since Julia code can read whatever its user can.
"""

from __future__ import annotations

import os
import tomllib
import unicodedata
from pathlib import Path
from typing import Final

from kaimond.config import files
from kaimond.errors import KaimonError

PROJECT_FILES: Final = ("JuliaProject.toml", "Project.toml")
"""The file names that Julia looks for, in its order."""


class PathRefusedError(KaimonError):
    """The path cannot be a project; the message says why and what would be accepted."""


def resolve(text: str) -> Path:
    """Return the real path that `text` names, which need not exist.

    Raises:
        PathRefusedError: The text is empty, relative, or not a possible path.
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


def resolve_directory(text: str) -> Path:
    """Return the real path of the existing directory that `text` names.

    Raises:
        PathRefusedError: There is no such directory.
    """
    path = resolve(text)
    try:
        is_directory = path.is_dir()
    except OSError as error:
        raise PathRefusedError(f"{path} cannot be looked into ({error.strerror}).") from error
    if not is_directory:
        what = "is not a directory" if os.path.lexists(path) else "does not exist"
        raise PathRefusedError(f"{path} {what}. Give the directory of a Julia project.")
    return path


def resolve_project(text: str) -> Path:
    """Return the real path of the Julia project that `text` names: its directory or project file.

    Raises:
        PathRefusedError: It has no project file, or is a directory that is never meant.
    """
    path = resolve(text)
    if path.name in PROJECT_FILES and path.is_file():
        return path.parent
    resolve_directory(text)
    if not is_project(path):
        raise PathRefusedError(
            f"{path} has neither Project.toml nor JuliaProject.toml, so it is no Julia project. "
            "Give the directory that holds one of them."
        )
    return path


def is_project(path: Path) -> bool:
    """Return whether `path` is a directory with a project file."""
    return any(os.path.isfile(path / name) for name in PROJECT_FILES)  # noqa: PTH113 - never raises


def nearest_project(path: Path) -> Path | None:
    """Return the nearest directory with a project file, at `path` or above it.

    The root and the home directory do not count: a project file there is not meant for all that is
    below.
    """
    above = (one for one in (path, *path.parents) if is_project(one) and not is_too_wide(one))
    return next(above, None)


def is_package(path: Path) -> bool:
    """Return whether the project in `path` is a package: its project file has a name and a uuid."""
    for name in PROJECT_FILES:
        try:
            project = tomllib.loads(files.read(path / name).decode())
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            return False
        return "name" in project and "uuid" in project
    return False


def is_too_wide(path: Path) -> bool:
    """Return whether `path` is the root or the home directory, usually named by mistake."""
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - Path.home may raise
    return path == Path("/") or same_directory(path, Path(home))


def same_directory(one: Path, other: Path) -> bool:
    """Return whether two real paths are the same directory.

    On a filesystem that ignores case (or Unicode composition), two spellings of one directory
    differ as text; only such spellings are compared by device and inode.
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

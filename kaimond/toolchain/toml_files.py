"""Reads Julia's TOML files without trusting what they hold."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from kaimond.config import files
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class UnreadableError(KaimonError):
    """An error about a file that cannot be understood; the text says which and why."""


def parse(file: Path) -> dict[str, Any]:
    """Return the contents of a file.

    Raises:
        UnreadableError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(files.read(file).decode())
    except OSError as error:
        raise UnreadableError(f"{file} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UnreadableError(f"{file} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise UnreadableError(f"{file} is nested too deeply") from error


def table(value: object, what: str) -> dict[str, Any]:
    """Return `value`, which must be a table.

    Raises:
        UnreadableError: it is not.
    """
    if not isinstance(value, dict):
        raise UnreadableError(f"{what} is not a table")
    return value


def first_file(directory: Path, names: Sequence[str]) -> Path | None:
    """Return the first of these files that exists in a directory."""
    return next((directory / name for name in names if is_file(directory / name)), None)


def is_file(path: Path) -> bool:
    """Return whether there is such a file; an impossible path counts as none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # names too long, and NUL
        return False


def is_dir(path: Path) -> bool:
    """Return whether there is such a directory; an impossible path counts as none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False

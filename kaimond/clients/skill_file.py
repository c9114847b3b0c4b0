"""The skill that tells a model when and how to use Kaimon, and where each client reads it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.clients import file
from kaimond.clients.client import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.clients.client import Client
    from kaimond.clients.file import Written

_FOLDER: Final = Path(__file__).parent / "skill"


def text() -> str:
    """Return the skill."""
    return (_FOLDER / "SKILL.md").read_text(encoding="utf-8")


def agents_md() -> str:
    """Return what a project's AGENTS.md may say, for clients that read no skills."""
    return (_FOLDER / "AGENTS.md").read_text(encoding="utf-8")


def path(client: Client, environ: Mapping[str, str], project: Path | None) -> Path | None:
    """Return the file in which a client reads the skill; None if we do not know it.

    Args:
        client: the client.
        environ: the user's environment.
        project: the project that it is for; None for all projects.
    """
    folder = client.skills_path(environ, project)
    return folder / NAME / "SKILL.md" if folder else None


def install(target: Path, backups: Path, project: Path | None = None) -> Written:
    """Write the skill; what the file held before is kept.

    Args:
        target: the file, as `path` gave it.
        backups: the directory for what it held before.
        project: the project that it is for; None for all projects.

    Raises:
        EditError: nothing was written.
    """
    return file.change(target, lambda _: text(), backups, private=False, within=project)


def remove(target: Path, backups: Path, project: Path | None = None) -> Written:
    """Remove the skill and its folder, if that is empty then; what the file held is kept.

    Raises:
        EditError: nothing was removed.
    """
    written = file.change(target, lambda _: "", backups, private=False, within=project)
    if written.removed:
        with contextlib.suppress(OSError):  # the user has put more into it
            target.parent.rmdir()
    return written

"""Which clients are installed, and which of them have an entry for us."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaimond.clients import EditError, approval, entry, file
from kaimond.clients.entry import EntryState, FoundEntry
from kaimond.clients.table import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kaimond.clients.client import Client


@dataclass(frozen=True, slots=True)
class SeenClient:
    """The configuration file of one client.

    Attributes:
        client: the client that owns the file.
        path: the file's path; the file need not exist.
        present: whether the client seems to be installed.
        found: our entry; None if the file cannot be read.
        problem: why the file cannot be read or why our entry does not work; "" if neither.
        approved: whether a file of its says that it need not ask before it calls our tools.
    """

    client: Client
    path: Path
    present: bool
    found: FoundEntry | None
    problem: str = ""
    approved: bool = False

    @property
    def state(self) -> str:
        """The state of our entry, as a phrase for people."""
        return str(self.found.state) if self.found else "unreadable"


def survey(
    environ: Mapping[str, str], command: str, project: Path | None = None
) -> list[SeenClient]:
    """Examine the configuration file of every client.

    Args:
        environ: the user's environment.
        command: absolute path of `kaimon-mcp`.
        project: the project whose files are examined; None for the files for all projects.
    """
    return [_look(client, environ, command, project) for client in CLIENTS.values()]


def _look(
    client: Client, environ: Mapping[str, str], command: str, project: Path | None
) -> SeenClient:
    path = client.project_path(project) if project else client.user_path(environ)
    present = is_present(client, environ)
    try:
        found = entry.look(client, file.read(path), command)
    except EditError as error:
        return SeenClient(client, path, present, None, str(error))
    problem = ""
    if found.state in (EntryState.OURS, EntryState.OUTDATED) and not os.access(
        found.command, os.X_OK
    ):
        problem = f"{found.command} is not there, or cannot be run"
    return SeenClient(client, path, present, found, problem, is_approved(client, environ, project))


def is_approved(client: Client, environ: Mapping[str, str], project: Path | None) -> bool:
    """Return whether a client's file says that it need not ask; not if that cannot be read.

    Args:
        client: the client.
        environ: the user's environment.
        project: the project whose file is examined; None for the one for all projects.
    """
    if not client.approval:
        return False
    try:
        return approval.is_approved(client, file.read(client.approval_path(environ, project)))
    except EditError:
        return False


def is_present(client: Client, environ: Mapping[str, str]) -> bool:
    """Return whether a client seems to be installed: its program is on PATH, or it left files.

    A file that we created for it, and the directory of that file, do not count.
    """
    search = environ.get("PATH", os.defpath)
    if any(shutil.which(program, path=search) for program in client.programs):
        return True
    path = client.user_path(environ)
    # Every user has a home directory; only a directory of the client's own is a sign of it.
    own_folder = client.user_file.count("/") > 0
    try:
        if own_folder and any(each.name != path.name for each in path.parent.iterdir()):
            return True
        return path.exists() and not _is_made_by_us(client, file.read(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, EditError):
        return True


def _is_made_by_us(client: Client, text: str) -> bool:
    """Return whether a configuration holds only our entry, or what removing that leaves."""
    found = entry.look(client, text, "")
    made = [entry.install(client, "", found.command)]
    if client.approval and not client.approval.user_file:
        made.append(approval.approve(client, made[0]))
    left = [entry.remove(client, each, foreign=True) for each in made]
    return found.state is not EntryState.FOREIGN and text in (*made, *left)

"""Which session a person means who has given no key, or the beginning of one, to kaimonctl.

Agents have the stricter rule of `kaimond.supervisor.view.choose`: their working directory tells
less, and several may share one connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.config import project_path
from kaimond.errors import ErrorKind, SessionError
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.config.projects import Projects
    from kaimond.registry.record import Record
    from kaimond.supervisor.supervisor import Supervisor


def nearest_project(cwd: str) -> Path | None:
    """Return the nearest project at or above a directory, allowed or not."""
    return project_path.nearest_project(Path(cwd).resolve()) if cwd.startswith("/") else None


def project_at(listed: Projects, cwd: str) -> Path | None:
    """Return the project of a directory: the nearest allowed one at or above it.

    If none is allowed, it is the nearest one; None if there is no project at all.
    """
    nearest = nearest_project(cwd)
    if nearest is None:
        return None
    entry = listed.leading_to(nearest)
    return entry.path if entry else nearest


def meant(
    supervisor: Supervisor, listed: Projects, begin: str, cwd: str, *, careful: bool
) -> Record:
    """Return the session that a person means.

    Args:
        supervisor: the sessions.
        listed: the allowed projects.
        begin: a key, its beginning, or "" for the session of the person's directory or, if that has
            none, the only one.
        cwd: the person's working directory.
        careful: whether to refuse the only session if the directory is of another project; for what
            cannot be undone.

    Raises:
        SessionError: that is unclear, or the session has ended; the message lists the others.
    """
    if begin:
        return choose(supervisor, begin).record
    alive = [session.record for session in supervisor.sessions.all_verified()]
    project = project_at(listed, cwd)
    here = [record for record in alive if project and record.project == str(project)]
    usual = [record for record in here if not record.name]
    for candidates in (usual, here, alive):
        if len(candidates) == 1:
            found = candidates[0]
            if careful and project and not here:
                raise SessionError(
                    ErrorKind.WHICH_SESSION,
                    f"{project} has no session. The only one, {_named(found)}, is of another "
                    "project, so name it if you mean it. Nothing was done.",
                )
            return found
    if not alive:
        raise SessionError(
            ErrorKind.NO_SESSION, "There is no session. `kaimonctl start PATH` starts one."
        )
    names = ", ".join(map(_named, here or alive))
    raise SessionError(
        ErrorKind.WHICH_SESSION, f"There are several sessions, so name one by its key: {names}"
    )


def _named(record: Record) -> str:
    return f"{record.key} ({record.title}, {record.project})"

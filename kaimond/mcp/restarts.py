"""Whether agents may have a session restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.errors import ErrorKind, SessionError

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.preferences import Preferences
    from kaimond.registry.record import Record


def refused(record: Record, preferences: Preferences, projects_file: Path) -> SessionError | None:
    """Return why a session may not be restarted, None if it may.

    Args:
        record: of the session.
        preferences: of its project.
        projects_file: where the user says so, for the words.
    """
    if not preferences.allow_restart:
        return _refusal(
            record,
            "its project's preferences say allow_restart = false. The user can change that under "
            f"session_prefs in {projects_file}.",
        )
    if not record.allow_restart:
        return _refusal(
            record,
            "a person started it with Gate.serve(allow_restart=false). That person can restart it, "
            "with Gate.restart().",
        )
    return None


def _refusal(record: Record, why: str) -> SessionError:
    return SessionError(
        ErrorKind.RESTART_NOT_ALLOWED,
        f"Session {record.key} was not restarted and is as it was: {why}",
    )

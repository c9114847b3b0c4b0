"""When agents may restart a session, and when it is restarted for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.errors import ErrorKind, SessionError
from kaimond.registry.state import State
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.config.preferences import Preferences
    from kaimond.core import Core
    from kaimond.evals.eval import Eval, Outcome
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call
    from kaimond.registry.record import Record


def refused(record: Record, preferences: Preferences, projects_file: Path) -> SessionError | None:
    """Return why agents may not restart a session, or None if they may.

    Args:
        record: the session's record.
        preferences: the preferences of its project.
        projects_file: where the user sets them, for the message.
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


async def with_finding(call: Call, item: Eval, answer: Answer) -> Answer:
    """Return the answer with what a comparison with the disk found, if it must be said."""
    lines = await call.core.supervisor.source.finding(item)
    if not lines:
        return answer
    return dataclasses.replace(answer, text="\n".join([answer.text, *lines]))


async def restarted_if_stale(core: Core, key: str, agent: str) -> str:
    """Restart an idle session that cannot be made current, if the user prefers that.

    Args:
        core: the daemon.
        key: which session, as for `choose`.
        agent: who is about to evaluate something, for display.

    Returns:
        What was done, in a sentence; "" if nothing was.

    Raises:
        kaimond.errors.SessionError: there is no such session, or its restart failed.
    """
    supervisor = core.supervisor
    session = choose(supervisor, key)
    record = session.record
    preferences = supervisor.projects.preferences(Path(record.project))
    if not (preferences.restart_when_stale and supervisor.source.doubtful(record.key)):
        return ""
    if refused(record, preferences, core.paths.projects_file):
        return ""
    if record.state is not State.READY:
        # Others would lose what they run.
        return ""
    try:
        item = session.reread(agent, lambda _: None)
    except SessionError:
        # The eval that comes next is refused for the same reason, in its own words.
        return ""
    ended = await supervisor.history.finished(item.id)
    reason = _hopeless(ended.outcome)
    if not reason:
        return ""
    why = f"the session was restarted because its source was stale: {reason}"
    done = await session.restart_if_idle(why)
    if done is None:
        return ""
    return (
        f"(Session {record.key} was restarted first, as restart_when_stale is set: generation "
        f"{done.record.generation}, all state is cleared. Not current was: {reason})"
    )


def _hopeless(outcome: Outcome | None) -> str:
    """Return what only a restart makes current, "" if there is nothing."""
    if outcome is None or outcome.text("restart") in ("", "0"):
        return ""
    return "; ".join(outcome.text("stale").splitlines())

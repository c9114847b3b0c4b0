"""Which session a call means that may leave it out.

An agent that works inside a project means that project's session. Sessions that it has got from
start_session count as well; as soon as there are two to choose from, it has to name one. An agent
that works elsewhere means the only session there is. Wherever that is another project's, the answer
says so, and nothing that cannot be undone is done to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kaimond.config import project_path
from kaimond.errors import ErrorKind, SessionError
from kaimond.mcp.starting import start
from kaimond.supervisor.view import available, choose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.mcp.call import Call
    from kaimond.sessions.session import Session


class Chosen(NamedTuple):
    """The session that a call means.

    Attributes:
        session: the session.
        remarks: sentences for the end of the answer.
    """

    session: Session
    remarks: tuple[str, ...] = ()


async def chosen(call: Call, key: str, *, starts: bool = False, careful: bool = False) -> Chosen:
    """Return the session that a call means.

    Args:
        call: the agent's call.
        key: the key that it gives, "" for none.
        starts: whether the session of the agent's own project is started if there is none.
        careful: whether to refuse another project's session; for what cannot be undone.

    Raises:
        SessionError: the choice is unclear, the session has ended, or its start failed.
        AnswerNeededError: the client has to ask the person first.
    """
    supervisor = call.core.supervisor
    if key:
        return Chosen(choose(supervisor, key))
    own = await _own_project(call)
    alive = supervisor.sessions.all_verified()
    if own is None and starts and not alive:
        # Perhaps the person allows it, when asked; at least the error says how it is allowed.
        own = _nearest_project(call)
    if own is None:
        return _checked(_only(call), _nearest_project(call), careful=careful)
    meant = _meant(alive, own, call.agent.opened)
    if len(meant) == 1:
        # One of another project is among them only because the agent has got it itself.
        return Chosen(meant[0])
    if meant:
        raise SessionError(
            ErrorKind.WHICH_SESSION,
            f"Several sessions could be meant, so name one by its key, as session=... "
            f"{available(meant)}",
        )
    if not starts:
        return _checked(choose(supervisor, ""), own, careful=careful)
    started = await start(call, str(own), "")
    seen = started.seen
    fresh = (
        f"(Started Julia {seen.julia} in {seen.project} for this: session {seen.key}, ready after "
        f"{seen.ready_after:.1f} s.)"
    )
    remarks = (fresh, *started.remarks) if started.fresh else started.remarks
    return Chosen(choose(supervisor, seen.key), remarks)


def _checked(session: Session, project: Path | None, *, careful: bool) -> Chosen:
    """Return a session that was not named, and say so if it is of another project.

    Args:
        session: the session.
        project: the project that the agent works in; None if it works in none.
        careful: see `chosen`.

    Raises:
        SessionError: the session is of another project, and the caller is careful.
    """
    if project is None or session.project == str(project):
        return Chosen(session)
    if careful:
        raise SessionError(
            ErrorKind.WHICH_SESSION,
            f"Nothing was done: you work in {project}, which has no session, and session "
            f"{session.key} is of {session.project}. If you mean it, pass "
            f'session="{session.key}".',
        )
    return Chosen(session, (f"(In session {session.key} of {session.project}.)",))


def _only(call: Call) -> Session:
    """Return the only session, for an agent that works in no project that has one or is allowed.

    Raises:
        SessionError: there is none, or there are several.
    """
    try:
        return choose(call.core.supervisor, "")
    except SessionError as error:
        nearest = _nearest_project(call)
        if error.kind is not ErrorKind.WHICH_SESSION or nearest is None:
            raise
        refusal = call.core.supervisor.projects.listed.refusal(nearest)
        raise SessionError(
            error.kind, f"{error.message}\nNone of them is of the project you are in: {refusal}"
        ) from None


def _meant(alive: Iterable[Session], own: Path, opened: set[str]) -> list[Session]:
    """Return the sessions among which an agent of the project ``own`` may mean one."""
    of_project = [session for session in alive if session.project == str(own)]
    # Sessions with a name are extra ones; they have to be named to be used.
    usual = [session for session in of_project if not session.record.name] or of_project
    return [session for session in alive if session in usual or session.key in opened]


async def _own_project(call: Call) -> Path | None:
    """Return the project that an agent works in: one that has a session or is allowed."""
    agent, supervisor = call.agent, call.core.supervisor
    # Both decide, and comparing them costs less than looking at all the directories again.
    state = (supervisor.projects.listed, {record.project for record in supervisor.registry.alive()})
    if agent.own_project and agent.own_project[0] == state:
        return agent.own_project[1]
    found = await _found_project(call)
    agent.own_project = (state, found) if found else None
    return found


async def _found_project(call: Call) -> Path | None:
    for directory in (call.agent.project_dir, call.agent.cwd):
        if found := _project_at(call, directory):
            return found
    if call.agent.roots is None:
        call.agent.roots = await call.roots()
    of_roots = {one for one in (_project_at(call, root) for root in call.agent.roots) if one}
    return of_roots.pop() if len(of_roots) == 1 else None


def _nearest_project(call: Call) -> Path | None:
    """Return the nearest Julia project at or above the agent's directory, allowed or not."""
    directory = call.agent.project_dir or call.agent.cwd
    if not directory.startswith("/"):
        return None
    return project_path.nearest_project(Path(directory).resolve())


def _project_at(call: Call, directory: str) -> Path | None:
    """Return the nearest project with a session, or allowed one, at or above a directory."""
    if not directory.startswith("/"):
        return None
    path = Path(directory).resolve()
    above = {str(one): one for one in (path, *path.parents)}
    records = call.core.supervisor.registry.alive()
    found = [above[record.project] for record in records if record.project in above]
    entry = call.core.supervisor.projects.listed.leading_to(path)
    if entry:
        found.append(entry.path)
    return max(found, key=lambda one: len(one.parts), default=None)

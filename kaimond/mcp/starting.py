"""Starts a project's session for an agent: finds the project, asks the person if need be, waits."""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.config import projects_edit, repo_options
from kaimond.config.document_file import EditError
from kaimond.config.project_path import PROJECT_FILES, PathRefusedError, resolve
from kaimond.errors import ErrorKind, SessionError
from kaimond.mcp.person import Question, Silence
from kaimond.sessions import session_log
from kaimond.supervisor.view import View, view
from kaimond.toolchain.start_plan import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.config.projects import ProjectEntry
    from kaimond.config.projects_edit import Done
    from kaimond.mcp.call import Call
    from kaimond.registry.record import Record

_log = logging.getLogger("kaimond.mcp")

SAY_EVERY: Final = 3.0
"""Seconds between two progress messages while Julia starts."""

LATELY: Final = 3600.0
"""Seconds for which an agent that starts a session is told how the one before it ended."""

_ALLOW: Final = "Allow this project"
_ALLOW_WORKTREES: Final = "Allow all git worktrees of that project"
_REFUSE: Final = "Do not allow it"

_USE: Final = "Use it"
_WITHOUT: Final = "Start Julia without it, now and later"
_DO_NOT_START: Final = "Do not start Julia"


@dataclass(frozen=True)
class Started:
    """A session that an agent asked for.

    Attributes:
        record: its record.
        seen: its view.
        fresh: whether it was started for this call.
        remarks: sentences for the end of the answer.
    """

    record: Record
    seen: View
    fresh: bool
    remarks: tuple[str, ...]


async def start(call: Call, path: str, name: str) -> Started:
    """Return the session of the project that a path names or lies in; start it if there is none.

    Args:
        call: the agent's call.
        path: the path; a relative one starts at the agent's directory.
        name: "" for the project's usual session.

    Raises:
        SessionError: there is no usable session; the message says why.
        AnswerNeededError: the client has to ask the person first.
    """
    named = _absolute(call, path)
    entry, remarks = await _allowed(call, named)
    if not _names(named, entry):
        remarks.append(f"({named} belongs to the project {entry.path}, whose session this is.)")
    supervisor = call.core.supervisor
    if supervisor.registry.alive_for(str(entry.path), name) is None:
        remarks += await _approved(call, entry)
    before = _ended_lately(call, entry, name)
    record, fresh = await _waited_for(call, entry, name)
    if fresh and before:
        remarks.append(before)
    seen = await view(supervisor, record)
    if seen.ended:
        raise SessionError(
            ErrorKind.START_FAILED,
            f"Session {record.key} of this project ended in this moment. {seen.ending} "
            "Call start_session again for a new one.",
        )
    return Started(record, seen, fresh, tuple(remarks))


def _ended_lately(call: Call, entry: ProjectEntry, name: str) -> str:
    """Return how the project's last session ended, if an agent may still count on its state."""
    of_project = [
        record
        for record in call.core.supervisor.registry.ended()
        if (record.project, record.name) == (str(entry.path), name)
    ]
    last = max(of_project, key=lambda record: record.ended, default=None)
    if last is None or time.time() - last.ended > LATELY:
        return ""
    return f"(Its state is new: session {last.key} of this project has ended. {last.ending})"


def _absolute(call: Call, path: str) -> str:
    """Return a path as the agent means it: relative to its client's directory."""
    if path.startswith(("/", "~")):
        return path
    base = call.agent.project_dir or call.agent.cwd
    return f"{base}/{path}" if base.startswith("/") else path


def _names(path: str, entry: ProjectEntry) -> bool:
    """Return whether a path names the project, rather than something within it."""
    found = resolve(path)
    return entry.path in (found, found.parent if found.name in PROJECT_FILES else found)


async def _waited_for(call: Call, entry: ProjectEntry, name: str) -> tuple[Record, bool]:
    """Return the project's session once it is usable, reporting progress to the client."""
    supervisor, project = call.core.supervisor, str(entry.path)
    starting = asyncio.ensure_future(supervisor.start(project, name, "agent"))
    try:
        waited = 0.0
        while not (await asyncio.wait([starting], timeout=SAY_EVERY))[0]:
            waited += SAY_EVERY
            await call.say(progress(call, project, name, waited))
        return await starting
    finally:
        # A caller that goes away does not end the start for the others that wait for it.
        starting.cancel()


def progress(call: Call, project: str, name: str, waited: float) -> str:
    """Return a line about a start that has taken ``waited`` seconds."""
    record = call.core.supervisor.registry.alive_for(project, name)
    if record is None:
        return f"starting Julia for {waited:.0f} s"
    last = session_log.tail(call.core.paths.session_log(record.key), 1)
    return f"starting Julia for {waited:.0f} s: {last}"


# Consent


async def _allowed(call: Call, path: str) -> tuple[ProjectEntry, list[str]]:
    """Return the allowed project that a path names, and what the person decided about it."""
    planner = call.core.supervisor.planner
    try:
        return planner.project_at(path), []
    except NotAllowedError as error:
        if not error.can_be_allowed:
            raise
        project, original = error.project, error.original
        choices = (_ALLOW, *((_ALLOW_WORKTREES,) if original else ()), _REFUSE)
        worktree = f" (a git worktree of {original})" if original else ""
        question = Question(
            f"allow {project}",
            f"{call.agent.client or 'An agent'} wants to run Julia in {project}{worktree}. Julia "
            "code of an agent can do there, and everywhere, what you can do on this machine. "
            "Allow agents to start Julia in this project, now and later?",
            choices,
        )
        choice = await _choice(call, question, error)
        if choice == _REFUSE:
            raise _declined(call, question, error) from None
        file = call.core.paths.projects_file
        _log.info("the user was asked about %s: %s", project, choice)
        if choice == _ALLOW_WORKTREES:
            _decide(lambda: projects_edit.allow(file, str(original), worktrees=True), error)
            remark = f"(The user has just allowed all git worktrees of {original}.)"
        else:
            _decide(lambda: projects_edit.allow(file, str(project)), error)
            undo = f"kaimonctl project deny {shlex.quote(str(project))}"
            remark = f"(The user has just allowed {project}; `{undo}` takes that back.)"
        return planner.project_at(path), [remark]


async def _approved(call: Call, entry: ProjectEntry) -> list[str]:
    """Ask about the repository's own launch options, if they wait for a decision."""
    unapproved = call.core.supervisor.planner.unapproved(entry)
    if unapproved is None:
        return []
    error = SessionError(ErrorKind.LAUNCH, str(unapproved))
    question = Question(
        f"launch {entry.path} {unapproved.repo.digest}",
        f"{unapproved.repo.file} wants to choose how Julia is started: "
        f"{repo_options.shown(unapproved.repo.proposals())}. "
        "That can run anything on this machine. Use it?",
        (_USE, _WITHOUT, _DO_NOT_START),
    )
    choice = await _choice(call, question, error)
    if choice == _DO_NOT_START:
        raise _declined(call, question, error)
    file, project = call.core.paths.projects_file, str(entry.path)
    decision = unapproved.repo.digest if choice == _USE else False
    _decide(lambda: projects_edit.decide_launch(file, project, decision), error)
    _log.info("the user was asked about %s: %s", unapproved.repo.file, choice)
    what = "approved" if choice == _USE else "ruled out"
    return [f"(The user has just {what} the launch options of {unapproved.repo.file}.)"]


async def _choice(call: Call, question: Question, error: SessionError) -> str:
    """Return what the person chose.

    Raises:
        SessionError: ``error``, with what became of the question.
        AnswerNeededError: the client has to ask the person first.
    """
    if question.key in call.agent.declined:
        raise _declined(call, question, error)
    answer = await _asked(call, question)
    if answer is Silence.DECLINED:
        raise _declined(call, question, error)
    if answer is Silence.NO_ANSWER:
        told = f"{error.message} (The client was to ask the user; there was no answer.)"
        raise SessionError(error.kind, told)
    if isinstance(answer, Silence):
        raise error
    return answer


async def _asked(call: Call, question: Question) -> str | Silence:
    """Ask the person; what waits for the answer is told at times, so that no client gives up."""
    # Several agents may share a connection, and its person.
    asked = call.agent.asked
    asking = asked.get(question.key)
    if asking is None:
        asking = asked[question.key] = asyncio.ensure_future(call.ask(question))
        asking.add_done_callback(lambda _: asked.pop(question.key))
    while not (await asyncio.wait([asking], timeout=SAY_EVERY))[0]:
        await call.say("waiting for the user's answer")
    return await asyncio.shield(asking)


def _declined(call: Call, question: Question, error: SessionError) -> SessionError:
    call.agent.declined.add(question.key)
    return SessionError(
        error.kind,
        f"{error.message} (The client was to ask the user, and declined; it is not asked again.)",
    )


def _decide(change: Callable[[], Done], error: SessionError) -> None:
    try:
        change()
    except (PathRefusedError, EditError) as failure:
        told = f"{error.message} (The user agreed, but that was not possible: {failure})"
        raise SessionError(error.kind, told) from None

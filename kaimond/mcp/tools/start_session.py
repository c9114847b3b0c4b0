"""start_session: the session of a project, or the list of projects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.config import projects
from kaimond.config.project_path import PathRefusedError, resolve_project
from kaimond.errors import ErrorKind, SessionError
from kaimond.julia_process.health import Word
from kaimond.mcp.answer import Answer
from kaimond.mcp.tool import Arguments, Tool
from kaimond.sessions import session_log
from kaimond.supervisor.view import View, view, views

if TYPE_CHECKING:
    from kaimond.mcp.call import Call
    from kaimond.registry.record import Record

SAY_EVERY: Final = 3.0
"""Seconds between two progress messages while Julia starts."""


class StartArguments(Arguments):
    """Arguments of start_session."""

    project_path: str = Field(
        "",
        description="Absolute path of the project's directory. Leave it out to list the allowed "
        "projects and their sessions.",
    )
    name: str = Field(
        "",
        max_length=64,
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="Leave it out for the project's usual session, which all agents share. "
        "Another name gives another session of the same project with its own state.",
    )


async def run(call: Call, arguments: StartArguments) -> Answer:
    """Start or find the session, or list the projects."""
    if not arguments.project_path:
        return await _list(call)
    supervisor = call.core.supervisor
    starting = asyncio.ensure_future(
        supervisor.start(arguments.project_path, arguments.name, "agent")
    )
    try:
        waited = 0.0
        while not (await asyncio.wait([starting], timeout=SAY_EVERY))[0]:
            waited += SAY_EVERY
            await call.say(_progress(call, arguments, waited))
        record, fresh = await starting
    finally:
        # A caller that goes away does not end the start for the others that wait for it.
        starting.cancel()
    seen = await view(supervisor, record)
    if seen.ended:
        raise SessionError(
            ErrorKind.START_FAILED,
            f"Session {record.key} of this project ended in this moment. {seen.ending} "
            "Call start_session again for a new one.",
        )
    return Answer(_words(record, seen, fresh=fresh), facts=seen.to_json())


def _words(record: Record, seen: View, *, fresh: bool) -> str:
    if not fresh:
        head = f"Session already running for this project. Session key: {record.key}"
    else:
        head = f"Session started. Session key: {record.key}"
    took = f", ready after {seen.ready_after:.1f} s" if fresh else ""
    return (
        f"{head}\n{seen.title}: Julia {seen.julia}, pid {seen.pid}, generation {seen.generation}, "
        f"{seen.state}, health {seen.health}{took}\n"
        f"project: {seen.project}\npwd: {seen.pwd}{_unwell(seen)}"
    )


def _unwell(seen: View) -> str:
    if seen.health_word not in (Word.FROZEN, Word.MUTE):
        return ""
    return (
        "\nIt does not answer now, and what is evaluated waits until it does. "
        f'manage_repl(command="restart", session="{seen.key}") gives a fresh Julia under the same '
        "key; its state is lost then."
    )


def _progress(call: Call, arguments: StartArguments, waited: float) -> str:
    supervisor = call.core.supervisor
    record = supervisor.registry.alive_for(_project(arguments.project_path), arguments.name)
    if record is None:
        return f"starting Julia for {waited:.0f} s"
    last = session_log.tail(call.core.paths.session_log(record.key), 1)
    return f"starting Julia for {waited:.0f} s: {last}"


def _project(path: str) -> str:
    """Return the directory that a path means, as a session's record has it."""
    try:
        return str(resolve_project(path))
    except PathRefusedError:
        # The start of the session reports the problem.
        return path


async def _list(call: Call) -> Answer:
    listed = projects.load(call.core.paths.projects_file)
    sessions = await views(call.core.supervisor)
    lines, rows = [], []
    for entry in listed.entries:
        own = [seen for seen in sessions if seen.project == str(entry.path)]
        if own:
            status = ", ".join(f"{seen.state} (session: {seen.key}{_named(seen)})" for seen in own)
        else:
            status = "ready to start" if entry.enabled and entry.launch else "disabled"
            if entry.enabled and not entry.launch:
                status = "cannot start, see below"
        lines.append(f"  {entry.path}  [{status}]")
        rows.append(
            {
                "project": str(entry.path),
                "enabled": entry.enabled,
                "sessions": [seen.to_json() for seen in own],
            }
        )
    others = [
        seen for seen in sessions if not any(seen.project == str(e.path) for e in listed.entries)
    ]
    if others:
        lines.append("Sessions of other projects:")
        lines += [f"  {seen.project}  [{seen.state} (session: {seen.key})]" for seen in others]
    head = "Allowed projects:" if listed.entries else "No projects are allowed yet."
    if not listed.entries:
        lines.append(
            "The user can allow one in a terminal with: kaimonctl project allow /path/to/project"
        )
    if listed.allow_any_project:
        lines.append("Any other project may be started, too (allow_any_project).")
    lines += [f"Problem: {problem}" for problem in listed.problems]
    facts = {
        "projects": rows,
        "other_sessions": [seen.to_json() for seen in others],
        "allow_any_project": listed.allow_any_project,
        "problems": [str(problem) for problem in listed.problems],
    }
    return Answer("\n".join([head, *lines]), facts=facts)


def _named(seen: View) -> str:
    return f", name {seen.name}" if seen.name else ""


TOOL: Final = Tool(
    name="start_session",
    title="Start a Julia session",
    description=(
        "Start the live Julia session of a project, or get the one that is running: one Julia "
        "process per project, shared by all agents, with its variables and loaded packages. "
        "It starts in the project's directory with its environment active. Returns the session "
        "key that the other tools take as `session`. Without arguments: lists the projects that "
        "may be started and their sessions."
    ),
    arguments=StartArguments,
    run=run,
    idempotent=True,
)

"""start_session: the session of a project, or the list of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.config import project_path
from kaimond.julia_process.health import Word
from kaimond.mcp.answer import Answer
from kaimond.mcp.starting import start
from kaimond.mcp.tool import Arguments, Tool
from kaimond.supervisor.view import View, views

if TYPE_CHECKING:
    from kaimond.config.projects import ProjectEntry
    from kaimond.mcp.call import Call
    from kaimond.registry.record import Record


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
    started = await start(call, arguments.project_path, arguments.name)
    call.agent.opened.add(started.record.key)
    words = _words(started.record, started.seen, fresh=started.fresh)
    return Answer("\n".join([words, *started.remarks]), facts=started.seen.to_json())


def _words(record: Record, seen: View, *, fresh: bool) -> str:
    if not fresh:
        head = f"Session already running for this project. Session key: {record.key}"
    else:
        head = f"Session started. Session key: {record.key}"
    took = f", ready after {seen.ready_after:.1f} s" if fresh else f", {seen.condition}"
    moved = f"\npwd {seen.pwd}" if seen.pwd and seen.pwd != seen.project else ""
    return (
        f"{head}\nJulia {seen.julia} in {seen.project}: pid {seen.pid}, generation "
        f"{seen.generation}{took}{moved}{_unwell(seen)}"
    )


def _unwell(seen: View) -> str:
    if seen.health_word not in (Word.FROZEN, Word.MUTE):
        return ""
    return (
        f"\nIt does not answer now ({seen.health}); what is evaluated waits until it does. "
        f'manage_repl(command="restart", session="{seen.key}") gives a fresh Julia under the same '
        "key; its state is lost then."
    )


async def _list(call: Call) -> Answer:
    listed = call.core.supervisor.projects.listed
    sessions = await views(call.core.supervisor)
    lines, rows = [], []
    for entry in listed.entries:
        own = [seen for seen in sessions if seen.project == str(entry.path)]
        if own:
            status = ", ".join(
                f"{seen.condition} (session: {seen.key}{_named(seen)})" for seen in own
            )
        else:
            status = _unstarted(entry)
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
        lines += [f"  {seen.project}  [{seen.condition} (session: {seen.key})]" for seen in others]
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


def _unstarted(entry: ProjectEntry) -> str:
    if not entry.enabled:
        return "disabled"
    if entry.launch is None:
        return "cannot start, see below"
    status = "ready to start" if project_path.is_project(entry.path) else "no project itself"
    more = ((entry.below, "all projects below"), (entry.worktrees, "its git worktrees"))
    return ", ".join([status, *(f"{text} as well" for on, text in more if on)])


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

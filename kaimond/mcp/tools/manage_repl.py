"""manage_repl: restart, interrupt, revise or shut down a session."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from kaimond.errors import ErrorKind, SessionError
from kaimond.mcp.answer import Answer
from kaimond.mcp.eval_answer import told
from kaimond.mcp.restart_rules import refused
from kaimond.mcp.session_choice import chosen
from kaimond.mcp.tool import SessionArguments, Tool
from kaimond.mcp.waiting import wait_for
from kaimond.sessions.reread import read_again
from kaimond.supervisor.view import choose, view

if TYPE_CHECKING:
    from kaimond.mcp.call import Call
    from kaimond.registry.record import Record
    from kaimond.sessions.session import Session


class ManageArguments(SessionArguments):
    """Arguments of manage_repl."""

    command: Literal["restart", "shutdown", "interrupt", "revise"] = Field(
        description="restart: a fresh Julia under the same key, all state is cleared. "
        "shutdown: end the session for good; its key is never used again. "
        "interrupt: what it evaluates now; its state stays. "
        "revise: read all source files again, take up what changed, and report."
    )


async def run(call: Call, arguments: ManageArguments) -> Answer:
    """Carry out the command, and report what was verified."""
    started = call.replayed()
    if started and started.get("tool") == "manage_repl":
        return await _joined(call, started)
    session = (await chosen(call, arguments.key(), careful=True)).session
    if arguments.command == "interrupt":
        return await _interrupt(call, session)
    if arguments.command == "revise":
        return await _revise(call, session)
    call.journal(
        tool="manage_repl",
        command=arguments.command,
        key=session.key,
        generation=session.record.generation,
    )
    if arguments.command == "restart":
        return await _restart(call, session)
    return await _shutdown(call, session)


async def _restart(call: Call, session: Session) -> Answer:
    record = session.record
    preferences = call.core.supervisor.projects.preferences(Path(record.project))
    refusal = refused(record, preferences, call.core.paths.projects_file)
    if refusal:
        raise refusal
    done = await session.restart(f"the session was restarted by agent {call.agent.short}")
    return await _proof(call, done.record, f" in {done.seconds:.1f} s {done.way}")


async def _joined(call: Call, started: dict[str, object]) -> Answer:
    """Answer for what this request had asked for before the connection broke.

    The daemon may have ended in the middle of it and its successor have completed it. It counts
    as done only if the record says so; otherwise it is done now.
    """
    supervisor, key = call.core.supervisor, str(started["key"])
    if started["command"] == "revise":
        return await _revised(call, key, str(started["eval"]))
    await supervisor.settled(key)
    record = supervisor.registry.get(key)
    if started["command"] == "shutdown" and record and not record.alive:
        return await _gone(call, record)
    session = choose(supervisor, key)
    if started["command"] == "shutdown":
        return await _shutdown(call, session)
    if session.record.generation > int(str(started["generation"])):
        return await _proof(call, session.record, " while the daemon was replaced")
    return await _restart(call, session)


async def _proof(call: Call, record: Record, when: str) -> Answer:
    seen = await view(call.core.supervisor, record)
    return Answer(
        f"Session {record.key} restarted{when}: generation {record.generation}, pid {record.pid}, "
        f"proved by boot id {record.boot_id}. All Julia state is cleared. "
        f"It is {seen.condition}.",
        facts=seen.to_json(),
    )


async def _interrupt(call: Call, session: Session) -> Answer:
    item = session.running
    if item is None:
        runs = "What a person has entered runs" if session.turn.terminal else "Nothing runs"
        return Answer(f"{runs} in session {session.key}, so nothing was interrupted.")
    return told(item, await session.cancel(item, f"it was interrupted by agent {call.agent.short}"))


async def _revise(call: Call, session: Session) -> Answer:
    key = session.key
    item = session.reread(
        call.agent.short,
        lambda item: call.journal(tool="manage_repl", command="revise", key=key, eval=item),
    )
    return await _revised(call, key, item.id)


async def _revised(call: Call, key: str, eval_id: str) -> Answer:
    supervisor = call.core.supervisor
    item = supervisor.history.get(eval_id)
    if item is None:
        raise SessionError(
            ErrorKind.LOST, f"It is not known whether session {key} read its files again."
        )
    item = await wait_for(call, item, 0)
    text, source = await read_again(supervisor.source, item)
    failed = source.off or bool(source.stale)
    return Answer(text, facts=dataclasses.asdict(source), is_error=failed)


async def _shutdown(call: Call, session: Session) -> Answer:
    final = await session.stop(f"it was shut down by agent {call.agent.short}")
    return await _gone(call, final)


async def _gone(call: Call, final: Record) -> Answer:
    seen = await view(call.core.supervisor, final)
    return Answer(
        f"Session {final.key} shut down. {final.ending} Its key is not used again.",
        facts=seen.to_json(),
    )


TOOL: Final = Tool(
    name="manage_repl",
    title="Restart, interrupt, revise or shut down a session",
    description=(
        "Restart a session (a fresh Julia process, same key, all variables and loaded code are "
        "cleared), interrupt what it evaluates, have it read all source files again (changed ones "
        "are taken up before each eval anyway), or shut it down for good. The answer comes when it "
        "is proved: after a restart with the new generation, process and boot id, after a shutdown "
        "when the process is gone. Restart when the state is corrupt or a change of code cannot be "
        "taken over."
    ),
    arguments=ManageArguments,
    run=run,
    destructive=True,
)

"""investigate_environment: a session's environment, its source and whether that is current."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.mcp import packages
from kaimond.mcp.answer import Answer
from kaimond.mcp.session_choice import chosen
from kaimond.mcp.tool import SessionArguments, Tool
from kaimond.supervisor.view import view

if TYPE_CHECKING:
    from kaimond.mcp.call import Call
    from kaimond.mcp.packages import Environment, EnvironmentPackage
    from kaimond.supervisor.view import View


class InvestigateArguments(SessionArguments):
    """Arguments of investigate_environment."""


async def run(call: Call, arguments: InvestigateArguments) -> Answer:
    """Look at the session and at its environment's files now."""
    supervisor = call.core.supervisor
    session = (await chosen(call, arguments.key())).session
    record = session.record
    seen = await view(supervisor, record)
    pong = session.live.pong if session.live else None
    active = pong.get("project") if pong else ""
    file = Path(active) if active else Path(record.project) / "Project.toml"
    found = await asyncio.to_thread(packages.read, file, seen.julia)
    threads = pong.get("threads") if pong else ""
    return Answer(
        "\n".join(_lines(seen, found, threads)),
        facts={
            "session": seen.to_json(),
            "threads": threads,
            "environment": dataclasses.asdict(found),
        },
    )


def _lines(seen: View, found: Environment, threads: str) -> list[str]:
    lines = [
        f"Session {seen.key} ({seen.title}): {seen.condition}.",
        f"pwd: {seen.pwd or 'unknown'}",
        f"Active project: {found.project}"
        + (f" (package {found.package})" if found.package else ""),
        f"Julia {seen.julia or 'unknown'}, pid {seen.pid}, threads: {threads or 'unknown'}",
        f"Source: {seen.tracked or 'no package is loaded from a path yet'}",
    ]
    if seen.stale:
        lines += ["NOT CURRENT:", *(f"  {what}" for what in seen.stale)]
    elif seen.tracked and not seen.changed:
        lines.append("All tracked files were compared with the disk now: the session runs them.")
    if seen.changed:
        lines.append(f"Changed, taken up by the next eval: {', '.join(seen.changed)}")
    lines += seen.remarks
    developed = [package for package in found.packages if package.path]
    if developed:
        lines.append("Developed from a path:")
        lines += [f"  {package.name}: {package.path}" for package in developed]
    direct = [package for package in found.packages if package.direct]
    lines.append(f"Packages of the project: {', '.join(map(_named, direct)) or 'none'}")
    others = len(found.packages) - len(direct)
    if others:
        lines.append(f"{others} more in its manifest, needed by those")
    lines += [f"Not known: {problem}" for problem in found.problems]
    return lines


def _named(package: EnvironmentPackage) -> str:
    return f"{package.name} {package.version}".rstrip()


TOOL: Final = Tool(
    name="investigate_environment",
    title="Look at a session's environment and source",
    description=(
        "Show where a session is and what it runs: pwd, active project, Julia version, which "
        "reviser tracks the source of which packages (with counts, and what it cannot track), "
        "files that are not current with the reason and what helps, packages developed from a "
        "path, and the project's packages. Nothing is evaluated, so it also answers while the "
        "session is busy."
    ),
    arguments=InvestigateArguments,
    run=run,
    read_only=True,
    idempotent=True,
)

"""Checks whether MCP clients have an entry for kaimon-mcp and can start it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kaimond.clients import program
from kaimond.clients.entry import EntryState
from kaimond.clients.survey import survey
from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.clients.survey import SeenClient
    from kaimond.doctor.world import World


def clients(world: World) -> Iterator[Finding]:
    """Check the file of every client for all projects; files for one project are not checked."""
    try:
        command = program.locate(sys.argv[0], world.environ)
    except program.ProgramError as error:
        yield Finding("clients", Level.FAIL, str(error), "Install kaimond again")
        return
    seen = survey(world.environ, command)
    told = [finding for each in seen if (finding := _told(each))]
    yield from told
    if not any(
        each.found and each.found.state in {EntryState.OURS, EntryState.OUTDATED} for each in seen
    ):
        present = [each.client for each in seen if each.present]
        names = ", ".join(client.title for client in present) or "none was found on this machine"
        cure = f"kaimonctl mcp install --client {present[0].name if present else 'NAME'}"
        text = f"no MCP client knows Kaimon for all projects yet (clients: {names})"
        yield Finding("clients", Level.WARN, text, cure)


def _told(seen: SeenClient) -> Finding | None:
    """Return the finding about one client; None if it has no entry for us."""
    title, install = seen.client.title, f"kaimonctl mcp install --client {seen.client.name}"
    if seen.found is None:
        return Finding("clients", Level.WARN, f"{title}: {seen.problem}", f"Correct {seen.path}")
    if seen.problem:
        return Finding("clients", Level.FAIL, f"{title}: {seen.problem}", install)
    if seen.found.state is EntryState.OURS:
        return Finding("clients", Level.OK, f"{title} starts {seen.found.command}")
    if seen.found.state is EntryState.OUTDATED:
        text = f"{title} starts {seen.found.command}, but not as this version would have it"
        return Finding("clients", Level.WARN, text, install)
    if seen.found.state is EntryState.FOREIGN:
        text = f"{title} has another server by our name: {seen.found.command}"
        cure = f"If that is not on purpose, remove it from {seen.path}, then: {install}"
        return Finding("clients", Level.WARN, text, cure)
    return None

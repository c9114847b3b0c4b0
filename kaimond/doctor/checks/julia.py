"""Which Julias there are, and whether the ones that sessions need can be run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World

DEFAULT: Final = "kaimond.toml ([julia] command)"


def configured(world: World) -> Iterator[Finding]:
    """The Julia of all projects, and those of the projects that name their own."""
    from kaimond.supervisor.julia import JuliaError  # noqa: PLC0415 - its imports may fail

    command = world.settings.julia.command
    wanted = [(command, DEFAULT, Level.FAIL)]
    for entry in world.projects.entries:
        if entry.enabled and entry.launch and entry.launch.julia_bin:
            source = f"the launch_config of {entry.path}"
            wanted.append((entry.launch.julia(command), source, Level.WARN))
    for name, source, level in wanted:
        try:
            found = world.julia(name, source)
        except JuliaError as error:
            text, cure = split_cure(str(error))
            yield Finding("julia", level, text, cure)
        else:
            yield Finding("julia", Level.OK, f"Julia {found.version} ({found.path}), from {source}")


def others(world: World) -> Iterator[Finding]:
    """What else is there to choose from: on the PATH, and by juliaup."""
    seen = []
    for folder in world.environ.get("PATH", os.defpath).split(os.pathsep):
        program = Path(folder or ".") / "julia"
        if folder and program.is_file() and os.access(program, os.X_OK):
            seen.append(str(program))
    if len(seen) > 1:
        listed = ", ".join(dict.fromkeys(seen))
        yield Finding("julia", Level.OK, f"on the PATH, the first one counts: {listed}")
    depot = world.environ.get("JULIAUP_DEPOT_PATH", "") or str(world.home / ".julia")
    file = Path(depot) / "juliaup" / "juliaup.json"
    channels = juliaup_channels(file)
    if channels:
        yield Finding("julia", Level.OK, f"juliaup has {', '.join(channels)}")


def juliaup_channels(file: Path) -> list[str]:
    """The channels that juliaup has installed, as its own file lists them; none if it is absent."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        default = facts.get("Default")
        names = sorted(map(str, facts["InstalledChannels"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [f"{name} (default)" if name == default else name for name in names]


def split_cure(message: str) -> tuple[str, str]:
    """A daemon's message about a start as what is wrong and what to do.

    Such messages say in their middle that no session was started, which nobody asked for here.
    """
    text, _, cure = message.partition(" No session was started.")
    return text.rstrip("."), cure.strip()

"""Checks which Julias are installed, and whether those that sessions need can be run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World


def configured(world: World) -> Iterator[Finding]:
    """Check the default Julia, and those of projects that configure another one.

    If a project has no Julia for another reason, the check of the project reports that.
    """
    from kaimond.config.julia_options import LaunchError  # noqa: PLC0415 - as below
    from kaimond.toolchain.find_julia import JuliaError  # noqa: PLC0415 - its imports may fail

    usual = ""
    try:
        found = world.julia()
    except JuliaError as error:
        yield Finding("julia", Level.FAIL, *split_cure(str(error)))
    else:
        usual = found.path
        yield Finding("julia", Level.OK, f"Julia {found.version} ({found.path})")
    for entry in world.projects.entries:
        if not entry.enabled or entry.launch is None or not entry.path.is_dir():
            continue
        try:
            found = world.julia(entry)
        except LaunchError:
            continue
        except JuliaError as error:
            text, cure = split_cure(str(error))
            if usual or entry.launch.julia_bin:
                yield Finding("julia", Level.WARN, f"for {entry.path}: {text}", cure)
        else:
            if found.path != usual:
                text = f"Julia {found.version} ({found.path}) for {entry.path}"
                yield Finding("julia", Level.OK, text)


def precompiled(world: World) -> Iterator[Finding]:
    """Check whether the gate is precompiled for the default Julia."""
    from kaimond.config import julia_options  # noqa: PLC0415 - as above
    from kaimond.toolchain import gate_cache  # noqa: PLC0415 - as above
    from kaimond.toolchain.find_julia import JuliaError  # noqa: PLC0415 - as above

    try:
        julia = world.julia()
    except JuliaError:
        return
    flags = julia_options.DEFAULT.flags(Path.cwd())
    cache = gate_cache.cache_for(world.paths.gate_caches, julia, flags, world.environ)
    if cache is None:
        return
    if cache.path.is_dir():
        yield Finding("julia", Level.OK, f"the gate is precompiled for it ({cache.path})")
    else:
        text = (
            "the gate is not precompiled for it yet, so sessions take seconds longer to start; "
            "kaimond does it in the background when it starts, and after the first session"
        )
        yield Finding("julia", Level.OK, text, "now: kaimonctl gate precompile")


def others(world: World) -> Iterator[Finding]:
    """List the other Julias to choose from: those on PATH and those of juliaup."""
    from kaimond.toolchain import juliaup  # noqa: PLC0415 - as above

    seen = []
    for folder in world.environ.get("PATH", os.defpath).split(os.pathsep):
        program = Path(folder or ".") / "julia"
        if folder and program.is_file() and os.access(program, os.X_OK):
            seen.append(str(program))
    if len(seen) > 1:
        listed = ", ".join(dict.fromkeys(seen))
        yield Finding("julia", Level.OK, f"on the PATH, the first one counts: {listed}")
    try:
        known = juliaup.load(world.environ)
    except juliaup.JuliaupError as error:
        yield Finding("julia", Level.WARN, str(error).rstrip("."), "juliaup status")
        return
    if known and known.channels:
        names = [
            f"{name} (default)" if name == known.default else str(name)
            for name in sorted(known.channels)
        ]
        yield Finding("julia", Level.OK, f"juliaup has {', '.join(names)}")


def split_cure(message: str) -> tuple[str, str]:
    """Split a message about a failed start into the fault and the cure.

    Drop the words that no session was started, since nobody asked for one here.
    """
    message = message.removeprefix("No session was started: ")
    text, said, cure = message.partition(" No session was started.")
    if not said:
        # The last sentence of all our messages is the cure.
        text, _, cure = message.rpartition(". ")
        if not text:
            text, cure = message, "See docs/julia.md"
    return text.rstrip("."), cure.strip() or "See docs/julia.md"

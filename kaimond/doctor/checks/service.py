"""Whether the login service is installed, and leads to a program that exists."""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World


def service(world: World) -> Iterator[Finding]:
    """The unit or the agent, if there is one."""
    file = next((file for file in _candidates(world) if file.is_file()), None)
    if file is None:
        text = "no login service; the first agent that needs the daemon starts it"
        yield Finding("service", Level.OK, text)
        return
    program = _program(file)
    if not program or not Path(program).is_file():
        text = f"{file} starts {program or 'nothing'}, which is not there"
        yield Finding("service", Level.FAIL, text, "kaimonctl service install")
    else:
        yield Finding("service", Level.OK, f"{file} starts {program}")


def _candidates(world: World) -> list[Path]:
    if sys.platform == "darwin":
        return sorted((world.home / "Library" / "LaunchAgents").glob("*kaimond*.plist"))
    folders = (world.paths.config.parent, Path("/etc"), Path("/usr/local/lib"), Path("/usr/lib"))
    return [folder / "systemd" / "user" / "kaimond.service" for folder in folders]


def _program(file: Path) -> str:
    if file.suffix == ".plist":
        words = plistlib.loads(file.read_bytes()).get("ProgramArguments", [])
        return str(words[0]) if words else ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("ExecStart="):
            return (shlex.split(line.removeprefix("ExecStart=")) or [""])[0].lstrip("-@:+!")
    return ""

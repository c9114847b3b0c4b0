"""Checks of the installation itself: Python, packages, libzmq, and the three programs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World

OLDEST_PYTHON: Final = (3, 11)
PROGRAMS: Final = ("kaimond", "kaimonctl", "kaimon-mcp")
LIMIT: Final = 60.0
"""Seconds for the daemon's program to load its code."""

# From the source: no registry is certain to have a package of this name, or this package.
REINSTALL: Final = (
    "Install kaimond again the way you did: uv tool upgrade --reinstall kaimond, "
    "or pipx reinstall kaimond, or your package manager"
)

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;\s*(.*))?")
_BOUND: Final = re.compile(r"(>=|<|>|<=|==)\s*([0-9.]+)")


def python(_world: World) -> Iterator[Finding]:
    """Check the Python interpreter that runs this."""
    version = platform.python_version()
    text = f"Python {version} ({sys.executable})"
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        cure = f"Install kaimond with Python {oldest} or newer: uv tool install --python 3.13 ..."
        yield Finding("python", Level.FAIL, f"{text}, and {oldest} is needed", cure)
    else:
        yield Finding("python", Level.OK, text)


def packages(_world: World) -> Iterator[Finding]:
    """Check that the required packages are installed in suitable versions."""
    try:
        requirements = importlib.metadata.requires("kaimond") or []
    except importlib.metadata.PackageNotFoundError:
        text = (
            f"kaimond {__version__} runs from {Path(__file__).parents[3]} without being installed"
        )
        yield Finding("packages", Level.WARN, text, REINSTALL)
        return
    wrong = [problem for each in requirements if (problem := _problem(each))]
    for problem in wrong:
        yield Finding("packages", Level.FAIL, problem, REINSTALL)
    if not wrong:
        yield Finding("packages", Level.OK, f"kaimond {__version__} and all that it needs")


def libzmq(_world: World) -> Iterator[Finding]:
    """Check the libzmq that Julia loads."""
    try:
        from kaimond.gate.libzmq import LibzmqNotFoundError, libzmq_path  # noqa: PLC0415 - may fail
    except ImportError as error:
        yield Finding("libzmq", Level.FAIL, f"pyzmq cannot be loaded ({error})", REINSTALL)
        return
    import zmq  # noqa: PLC0415 - as above

    try:
        path = libzmq_path()
    except LibzmqNotFoundError as error:
        yield Finding("libzmq", Level.FAIL, str(error), REINSTALL)
        return
    yield Finding("libzmq", Level.OK, f"libzmq {zmq.zmq_version()} ({path})")


def loading(world: World) -> Iterator[Finding]:
    """Check that the daemon's code loads, by `kaimond --check`; settings have their own check."""
    command = [sys.executable, "-P", "-m", "kaimond.daemon", "--check"]
    try:
        done = subprocess.run(
            command,
            env=dict(world.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding(
            "loading", Level.FAIL, f"`kaimond --check` cannot be run ({error})", REINSTALL
        )
        return
    if not done.returncode:
        yield Finding("loading", Level.OK, "the daemon's code and settings load")
        return
    said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    text = f"`kaimond --check` ends with code {done.returncode} and says: {said}"
    cure = "See the finding about the configuration" if done.returncode == _SETTINGS else REINSTALL
    yield Finding("loading", Level.FAIL, text, cure)


_SETTINGS: Final = 2
"""Exit code of `kaimond --check` if the settings cannot be used."""


def programs(world: World) -> Iterator[Finding]:
    """Check that the three programs exist, and that PATH leads to these ones."""
    # Not the directory of the link's target: virtual environments link to the system's.
    folder = Path(sys.executable).parent
    search = world.environ.get("PATH", os.defpath)
    fine, unnamed = True, []
    for name in PROGRAMS:
        mine = folder / name
        found = shutil.which(name, path=search)
        if not mine.exists():
            fine = False
            yield Finding("programs", Level.FAIL, f"{mine} is missing", REINSTALL)
        elif not found:
            unnamed.append(name)
        elif not _same_installation(Path(found), mine):
            fine = False
            text = f"{name} on the PATH is {found}, of another installation than {mine}"
            cure = "Remove one of the two, or put the one that you want first in PATH"
            yield Finding("programs", Level.WARN, text, cure)
    if unnamed:
        # uv and pipx put links here to the programs of their environments.
        links = world.home / ".local" / "bin"
        linked = all(_same_installation(links / name, folder / name) for name in unnamed)
        shown = links if linked else folder
        text = f"{', '.join(unnamed)} in {shown}, which is not on the PATH"
        cure = f"Add {shown} to PATH (uv tool update-shell, pipx ensurepath), or use the path"
        yield Finding("programs", Level.WARN, text, cure)
    elif fine:
        yield Finding("programs", Level.OK, f"{', '.join(PROGRAMS)} in {folder}")


def _same_installation(found: Path, mine: Path) -> bool:
    return found.resolve().parent == mine.resolve().parent


def _problem(requirement: str) -> str:
    """Return what is wrong with one of our requirements, or ""."""
    match = _REQUIREMENT.match(requirement)
    if not match or (match[3] and "extra" in match[3]):
        return ""
    name, bounds = match[1], match[2]
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"the package {name} is missing"
    if within(version, bounds):
        return ""
    return f"{name} {version} is installed, and {bounds.strip()} is needed"


def within(version: str, bounds: str) -> bool:
    """Return whether a version satisfies bounds such as ``>=2.3,<3``; numbers only, as ours are."""
    mine = _numbers(version)
    for operator, text in _BOUND.findall(bounds):
        other = _numbers(text)
        width = max(len(mine), len(other))
        left = mine + (0,) * (width - len(mine))
        right = other + (0,) * (width - len(other))
        holds = {
            ">=": left >= right,
            ">": left > right,
            "<=": left <= right,
            "<": left < right,
            "==": left == right,
        }[operator]
        if not holds:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()

"""Checks of the machine's free resources: disk space, open files, processes, terminals."""

from __future__ import annotations

import os
import resource
import shutil
from typing import TYPE_CHECKING, Final

from kaimond.doctor.finding import Finding, Level
from kaimond.doctor.world import nearest_existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.doctor.world import World

SCARCE: Final = 2**30
NONE_LEFT: Final = 100 * 2**20
"""Bytes free on a disk, below which the check fails."""

FEW_FILES: Final = 1024
"""Open files; the daemon needs about ten per session."""

FEW_PROCESSES: Final = 200
"""Processes and threads that may still be started; each Julia starts more than one per core."""

FEW_TERMINALS: Final = 8


def disk(world: World) -> Iterator[Finding]:
    """Check the disks with our state, caches and configuration."""
    seen: set[int] = set()
    for directory in (world.paths.state, world.paths.sockets.parent, world.paths.config):
        place = nearest_existing(directory)
        device = place.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(place).free
        text = f"{free / 2**30:.1f} GiB free for {directory}"
        cure = "Free some space; spools and logs of sessions need it"
        if free < NONE_LEFT:
            yield Finding("disk", Level.FAIL, text, cure)
        elif free < SCARCE:
            yield Finding("disk", Level.WARN, text, cure)
        else:
            yield Finding("disk", Level.OK, text)


def open_files(_world: World) -> Iterator[Finding]:
    """Check how many files a program started here may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FEW_FILES:
        text = f"a program may open {soft} files here"
        cure = f"ulimit -n {_raised(hard)} in the shell that starts MCP clients, and kaimonctl stop"
        yield Finding("limits", Level.WARN, text, cure)
    else:
        many = "any number of" if soft == resource.RLIM_INFINITY else str(soft)
        yield Finding("limits", Level.OK, f"a program may open {many} files")


def processes(_world: World) -> Iterator[Finding]:
    """Check how many more processes and threads the user may start."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft == resource.RLIM_INFINITY or os.getuid() == 0:
        yield Finding("limits", Level.OK, "the number of processes is not limited")
        return
    running = _running()
    text = f"{running} of {soft} processes and threads run"
    if soft - running < FEW_PROCESSES:
        cure = f"End some, or raise the limit: ulimit -u {soft + 4 * FEW_PROCESSES}"
        yield Finding("limits", Level.WARN, text, cure)
    else:
        yield Finding("limits", Level.OK, text)


def terminals(_world: World) -> Iterator[Finding]:
    """Check whether a pseudo-terminal can be opened."""
    from kaimond import platform  # noqa: PLC0415 - imports an installed package on macOS

    cure = "Close terminals that you do not need; on Linux: sysctl kernel.pty.max"
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        text = f"no terminal can be opened ({error.strerror}), so kaimonctl attach cannot work"
        yield Finding("limits", Level.WARN, text, cure)
        return
    counted = platform.terminals()
    if counted is None:
        yield Finding("limits", Level.OK, "a terminal can be opened")
        return
    used, most = counted
    level = Level.WARN if most - used < FEW_TERMINALS else Level.OK
    text = f"{used} of {most} terminals are open"
    yield Finding("limits", level, text, cure if level is Level.WARN else "")


def _running() -> int:
    import psutil  # noqa: PLC0415 - an installed package, which may be missing

    mine = os.getuid()
    count = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        if uids and uids.real == mine:
            count += process.info["num_threads"] or 1
    return count


def _raised(hard: int) -> int:
    wanted = 4 * FEW_FILES
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)

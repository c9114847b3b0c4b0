"""Checks whether our directories are private and the socket paths in them are short enough."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from kaimond import runtime
from kaimond.doctor.finding import Finding, Level
from kaimond.doctor.world import nearest_existing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaimond.doctor.world import World


def runtime_directory(world: World) -> Iterator[Finding]:
    """Check the directory of the control socket."""
    directory = world.paths.runtime
    problem = privacy(directory)
    if problem:
        yield Finding("runtime", Level.FAIL, *problem)
    else:
        there = "" if directory.exists() else ", made when the daemon starts"
        yield Finding("runtime", Level.OK, f"{directory}{there}")
    if world.environ.get("KAIMON_RUNTIME_DIR"):
        text = "KAIMON_RUNTIME_DIR is set here; programs without it look elsewhere for the daemon"
        cure = "Set it where MCP clients are started as well, or nowhere"
        yield Finding("runtime", Level.WARN, text, cure)
    yield from _length(world.paths.control_socket, "KAIMON_RUNTIME_DIR")


def others(world: World) -> Iterator[Finding]:
    """Check all other directories, which need not exist yet."""
    paths = world.paths
    wrong = False
    for directory in paths.private_directories():
        problem = None if directory == paths.runtime else privacy(directory)
        if problem:
            wrong = True
            yield Finding("directories", Level.FAIL, *problem)
    problem = ownership(paths.config)
    if problem:
        wrong = True
        yield Finding("directories", Level.FAIL, *problem)
    yield from _length(paths.session_socket("0" * 8), "XDG_CACHE_HOME")
    if not wrong:
        text = f"{paths.config}, {paths.state} and {paths.sockets.parent} are yours alone"
        yield Finding("directories", Level.OK, text)


def privacy(directory: Path) -> tuple[str, str] | None:
    """Return why a directory is not private, and the cure; None if it is private.

    Same rules as `kaimond.runtime.ensure_private`, but nothing is created.
    """
    try:
        found = os.lstat(directory)
    except FileNotFoundError:
        return _cannot_be_made(directory)
    except OSError as error:
        return f"{directory} cannot be looked at ({error.strerror})", "See what is at that path"
    if stat.S_ISLNK(found.st_mode):
        cure = f"Replace it by a real directory: rm {directory} && mkdir -m 700 {directory}"
        return f"{directory} is a symbolic link, which others could redirect", cure
    if not stat.S_ISDIR(found.st_mode):
        return f"{directory} is not a directory", f"Move it away: mv {directory} {directory}.old"
    if found.st_uid != os.getuid():
        what = f"{directory} belongs to user {found.st_uid}, and you are user {os.getuid()}"
        return what, f"Remove it as that user, or: sudo chown -R {os.getuid()} {directory}"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(found.st_mode)
        return f"{directory} is open to other users (mode {mode:o})", f"chmod 700 {directory}"
    return None


def ownership(directory: Path) -> tuple[str, str] | None:
    """Return what lets others change a directory, and the cure; see `runtime.ensure_owned`."""
    try:
        found = directory.stat()
    except FileNotFoundError:
        return _cannot_be_made(directory)
    except OSError as error:
        return f"{directory} cannot be looked at ({error.strerror})", "See what is at that path"
    if found.st_uid != os.getuid():
        what = f"{directory} belongs to user {found.st_uid}, and you are user {os.getuid()}"
        return what, f"sudo chown -R {os.getuid()} {directory}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(found.st_mode)
        return f"{directory} can be changed by others (mode {mode:o})", f"chmod 700 {directory}"
    return None


def _cannot_be_made(directory: Path) -> tuple[str, str] | None:
    above = nearest_existing(directory)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return None
    what = f"{directory} is not there and cannot be made, because {above} is not writable for you"
    return what, f"sudo mkdir -p -m 700 {directory} && sudo chown {os.getuid()} {directory}"


def _length(socket: Path, variable: str) -> Iterator[Finding]:
    try:
        runtime.check_socket_path(socket)
    except runtime.SocketPathTooLongError:
        length = len(os.fsencode(socket))
        text = f"{socket} has {length} bytes; a socket's path may have {runtime.MAX_SOCKET_PATH}"
        cure = f"Set {variable} to a shorter directory, for all programs"
        yield Finding("directories", Level.FAIL, text, cure)

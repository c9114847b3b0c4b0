"""The precompiled gate: one cache for each Julia, from which its sessions load the gate.

Without one, a session compiles the gate at each of its starts, which takes seconds on Julia 1.12.
A cache is a depot of ours that Julia itself has filled (`julia/Kaimon/precompile.jl`). It is made
in the background after the first start that missed it, in a directory beside its place, and put
there by a rename: readers see a complete one or none, also with several daemons. Julia checks
that it fits before it loads it, so one that is missing, broken or outdated costs time and nothing
else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond import __version__, platform
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kaimond.toolchain.find_julia import Julia

_log = logging.getLogger("kaimond.sessions")

GATE: Final = Path(__file__).parent.parent / "julia" / "Kaimon"
"""The directory of the gate's package."""

OLDEST: Final = (1, 9)
"""The first Julia that keeps machine code in its caches."""

_NO_MATTER: Final = ("-t", "--threads", "--gcthreads", "--heap-size-hint", "--startup-file")
"""Flags that a cache does not depend on."""

_NO_CACHE: Final = ("--compiled-modules=", "--pkgimages=", "--code-coverage", "--track-allocation")
"""Flags with which Julia uses no cache, or none with machine code."""

_TIMEOUT: Final = 900.0
"""Seconds to make a cache; it takes 40 of CPU time, of which a busy machine gives little."""

NICENESS: Final = 5
"""A third of what a session gets on a busy machine: with less, a cache might never be made."""

_KEEP_DAYS: Final = 30
_PARTIAL: Final = ".partial-"


class PrecompileError(KaimonError):
    """An error about a cache that could not be made; the message has Julia's words."""


@dataclass(frozen=True)
class GateCache:
    """The cache for all sessions of one Julia that compile alike.

    Attributes:
        path: the directory where it is, or is to be.
        command: the Julia that makes it, with the flags that compiled code depends on.
    """

    path: Path
    command: tuple[str, ...]


def cache_for(
    directory: Path, julia: Julia, flags: Sequence[str], environ: Mapping[str, str]
) -> GateCache | None:
    """Return the cache for sessions of a Julia; None if they can have none.

    Args:
        directory: the directory of all caches.
        julia: the binary.
        flags: the sessions' flags.
        environ: the sessions' environment.
    """
    if _minor(julia.version) < OLDEST or any(flag.startswith(_NO_CACHE) for flag in flags):
        return None
    command = (julia.path, *julia.args, *compiling_flags(flags))
    images = [flag.split("=", 1)[1] for flag in flags if flag.startswith("--sysimage=")]
    stamps = [(found.st_mtime_ns, found.st_size) for found in map(os.stat, (julia.path, *images))]
    target = environ.get("JULIA_CPU_TARGET", "")
    parts = json.dumps((str(GATE), __version__, command, stamps, target))
    return GateCache(directory / hashlib.sha256(parts.encode()).hexdigest()[:16], command)


def compiling_flags(flags: Sequence[str]) -> list[str]:
    """Return those of a session's flags that compiled code depends on."""
    kept: list[str] = []
    skip = False
    for flag in flags:
        if skip:
            skip = False
        elif flag == "-t":
            # The flag's value follows.
            skip = True
        elif not flag.startswith(_NO_MATTER):
            kept.append(flag)
    return kept


async def make(cache: GateCache, environ: Mapping[str, str], niceness: int = NICENESS) -> None:
    """Make a cache, replacing the one that is there.

    Args:
        cache: the cache to make.
        environ: the sessions' environment.
        niceness: the niceness of the Julia that makes it.

    Raises:
        PrecompileError: it could not be made; one that was there is unchanged.
    """
    place = cache.path
    try:
        partial = Path(tempfile.mkdtemp(prefix=f"{place.name}{_PARTIAL}", dir=_made(place.parent)))
    except OSError as error:
        raise PrecompileError(str(error)) from None
    try:
        depot = _made(partial / "depot")
        program = ("--startup-file=no", str(GATE / "precompile.jl"), str(depot))
        await _run([*cache.command, *program], environ, niceness)
        with contextlib.suppress(FileNotFoundError):
            # Running sessions go on with the files that they have loaded.
            place.rename(partial / "before")
        depot.rename(place)
    except OSError as error:
        raise PrecompileError(str(error)) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _forget_unused(place.parent)


async def _run(command: list[str], environ: Mapping[str, str], niceness: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        platform.be_nice(process.pid, niceness)
        async with asyncio.timeout(_TIMEOUT):
            output, _ = await process.communicate()
    except TimeoutError:
        raise PrecompileError(f"no end after {_TIMEOUT:g} s") from None
    finally:
        # This also ends what it has started: it leads its own process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        said = output.decode("utf-8", "replace").strip()[-500:]
        raise PrecompileError(f"Julia ended with code {process.returncode} and said: {said}")


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _forget_unused(directory: Path) -> None:
    oldest = time.time() - _KEEP_DAYS * 86_400
    for entry in directory.iterdir():
        # Julia sets the time of a file that it loads.
        files = [entry, *entry.rglob("*.ji")]
        with contextlib.suppress(OSError):
            if max(file.stat().st_mtime for file in files) < oldest:
                shutil.rmtree(entry)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


class GateCaches:
    """A maker of the caches that sessions missed, one at a time and each at most once.

    This daemon does not try again what could not be made: the sessions start without it.
    """

    def __init__(self) -> None:
        self._tried: set[Path] = set()
        self._turn = asyncio.Lock()

    async def make_missed(self, cache: GateCache | None, environ: Mapping[str, str]) -> None:
        """Make the cache of a session that has just started without one."""
        if cache is None or cache.path in self._tried:
            return
        self._tried.add(cache.path)
        async with self._turn:
            began = time.monotonic()
            try:
                await make(cache, environ)
            except PrecompileError as error:
                _log.warning(
                    "the gate could not be precompiled for %s, so its sessions start slowly: %s",
                    cache.command[0],
                    error,
                )
            else:
                seconds = time.monotonic() - began
                _log.info("precompiled the gate for %s in %.1f s", cache.command[0], seconds)

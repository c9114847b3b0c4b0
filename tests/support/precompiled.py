"""The gate compiled once for each Julia of a test run, as it is once for each Julia of a person's.

Without it every session of a test would compile the gate anew, which takes most of a test's time.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.config import julia_options
from kaimond.toolchain import gate_cache
from kaimond.toolchain.find_julia import Julia, JuliaError, Julias
from kaimond.toolchain.gate_cache import GateCache, PrecompileError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MADE: dict[Path, tuple[Julia, Path]] = {}
"""By the program that is started: the Julia, and its cache."""

_TRIED: dict[Path, str] = {}
"""By the program: why there is no cache, or an empty text if there is one or need not be."""


def prepare(folder: Path, program: Path) -> None:
    """Have sessions that are started by ``program`` find the gate precompiled.

    That takes a minute or more once. What goes wrong is told by `problem`.

    Args:
        folder: the same one for all processes of a test run.
        program: the Julia.
    """
    if program in _TRIED:
        return
    _TRIED[program] = ""
    try:
        _prepare(folder, program)
    except (JuliaError, PrecompileError) as error:
        _TRIED[program] = str(error)


def problem(program: Path) -> str:
    """Why the gate could not be precompiled for this Julia; empty if nothing is wrong."""
    return _TRIED[program]


def _prepare(folder: Path, program: Path) -> None:
    julia = asyncio.run(Julias().find(str(program), os.environ, wanted_by="the tests"))
    wanted = gate_cache.cache_for(folder / "gate", julia, _FLAGS, os.environ)
    if wanted is None:
        return
    with (folder / "gate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.path.exists():
            asyncio.run(gate_cache.make(wanted, os.environ, niceness=0))
    _MADE[program] = julia, wanted.path


def also_called(program: Path, name: Path) -> None:
    """A script of this name starts the Julia ``program``."""
    if program in _MADE:
        julia, made = _MADE[program]
        _MADE[name] = replace(julia, path=str(name)), made


def variables(program: Path) -> dict[str, str]:
    """What a session's process is given so that it finds the cache."""
    return {"KAIMON_CACHE": str(_MADE[program][1])} if program in _MADE else {}


def put_into(caches: Path, environ: Mapping[str, str]) -> None:
    """Put the cache for the first Julia on the PATH among those of a home."""
    program = Path(environ["PATH"].split(os.pathsep)[0]) / "julia"
    if program not in _MADE:
        return
    julia, made = _MADE[program]
    cache = gate_cache.cache_for(caches, julia, _FLAGS, environ)
    assert isinstance(cache, GateCache)
    # Links, with the times that Julia looks at.
    shutil.copytree(made, cache.path, copy_function=os.link)


_FLAGS = julia_options.DEFAULT.flags(Path("/"))

"""The gate precompiled once for each Julia of a test run, as users have it.

Otherwise every session of a test would compile the gate, which takes most of the test's time.
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
"""The Julia and its cache, by program."""

_TRIED: dict[Path, str] = {}
"""By program: why there is no cache; empty if there is one or none is needed."""


def prepare(folder: Path, program: Path) -> None:
    """Make sessions started by ``program`` find the gate precompiled.

    The first call takes a minute or more; `problem` reports errors.

    Args:
        folder: the directory shared by all processes of a test run.
        program: the Julia program.
    """
    if program in _TRIED:
        return
    _TRIED[program] = ""
    try:
        _prepare(folder, program)
    except (JuliaError, PrecompileError) as error:
        _TRIED[program] = str(error)


def problem(program: Path) -> str:
    """Return why the gate could not be precompiled for this Julia, or ""."""
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
    """Register a script of this name as starting the Julia ``program``."""
    if program in _MADE:
        julia, made = _MADE[program]
        _MADE[name] = replace(julia, path=str(name)), made


def variables(program: Path) -> dict[str, str]:
    """Return the variables with which a session's process finds the cache."""
    return {"KAIMON_CACHE": str(_MADE[program][1])} if program in _MADE else {}


def put_into(caches: Path, environ: Mapping[str, str]) -> None:
    """Add the cache for the first Julia on PATH to the caches of a home."""
    program = Path(environ["PATH"].split(os.pathsep)[0]) / "julia"
    if program not in _MADE:
        return
    julia, made = _MADE[program]
    cache = gate_cache.cache_for(caches, julia, _FLAGS, environ)
    assert isinstance(cache, GateCache)
    # Hard links keep the timestamps, which Julia compares.
    shutil.copytree(made, cache.path, copy_function=os.link)


_FLAGS = julia_options.DEFAULT.flags(Path("/"))

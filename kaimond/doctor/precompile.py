"""Precompiles the gate for the Julia of sessions, while somebody waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond.config import julia_options
from kaimond.toolchain import gate_cache
from kaimond.toolchain.environment_variables import session_environment

if TYPE_CHECKING:
    from kaimond.doctor.world import World
    from kaimond.toolchain.find_julia import Julia


class NotPrecompiledError(Exception):
    """The gate could not be precompiled; the message says what Julia said."""


def precompile(world: World, julia: Julia) -> Path | None:
    """Make the cache of a Julia, also if there is one; takes a minute or more.

    Args:
        world: the user's environment.
        julia: which.

    Returns:
        Where it is, or None if such a Julia can have none.

    Raises:
        NotPrecompiledError: it could not be made.
    """
    environ = session_environment(world.environ, world.settings.environment.pass_, {})
    flags = julia_options.DEFAULT.flags(Path.cwd())
    cache = gate_cache.cache_for(world.paths.gate_caches, julia, flags, environ)
    if cache is None:
        return None
    try:
        asyncio.run(gate_cache.make(cache, environ, niceness=0))
    except gate_cache.PrecompileError as error:
        raise NotPrecompiledError(str(error)) from None
    return cache.path

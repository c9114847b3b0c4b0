"""Precompiles the gate for the Julia of sessions while the user waits."""

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
    """The gate could not be precompiled; the message has Julia's output."""


def precompile(world: World, julia: Julia) -> Path | None:
    """Create the gate's cache for a Julia, even if there is one; takes a minute or more.

    Args:
        world: the user's environment.
        julia: the Julia to precompile for.

    Returns:
        The cache's path, or None if this Julia cannot have one.

    Raises:
        NotPrecompiledError: the cache could not be created.
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

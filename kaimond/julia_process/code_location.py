"""Where a Julia process computes: in the user's compiled code, in the compiler, or elsewhere.

Told by looking a few times at what its main thread executes. The user's code is in memory without
a file; that of Base and of precompiled packages in images; the compiler, the runtime and C
libraries in libraries of their own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from pathlib import PurePath
from typing import Final

from kaimond import platform

LOOKS: Final = 6
"""How often it is looked: LLVM works for less than half of the time that compiling takes."""


class Place(Enum):
    """What a piece of machine code belongs to."""

    USER = auto()
    """Compiled by this process: the user's code, and the gate's."""
    IMAGE = auto()
    """Base or a package, compiled beforehand. Type inference, a part of compiling, is in there."""
    COMPILER = auto()
    """LLVM, and C++ that LLVM uses."""
    RUNTIME = auto()
    """Julia's own C code; also generates code for LLVM, up to Julia 1.6."""
    SYSTEM = auto()
    """The C library; may be called by all others."""
    FOREIGN = auto()
    """A C library that the user's code uses, such as BLAS."""


_NAMELESS: Final = ("/memfd:", "/dev/shm/", "/dev/zero")  # noqa: S108 - names of the kernel's
"""What compiled code lies in, if it is not plain memory."""

_PACKAGES: Final = "/compiled/v"
_LIBRARIES: Final = (
    (Place.IMAGE, ("sys.so", "sys.dylib")),
    (Place.COMPILER, ("libLLVM", "libjulia-codegen", "libstdc++")),
    (Place.RUNTIME, ("libjulia", "julia")),
    (Place.SYSTEM, ("libc.", "libc-", "libm.", "libm-", "libpthread", "libopenlibm", "ld-", "[")),
)
"""What the names of files begin with."""


def place(path: str) -> Place:
    """What code in this file, or "" for none, belongs to."""
    if not path or path.startswith(_NAMELESS):
        return Place.USER
    if _PACKAGES in path:
        return Place.IMAGE
    name = PurePath(path).name
    return next((kind for kind, names in _LIBRARIES if name.startswith(names)), Place.FOREIGN)


async def look(pid: int, looks: int = LOOKS) -> set[Place]:
    """See where the main thread is; nothing where the system does not allow to look."""
    # A thread of its own, which ends: see `platform.executing`.
    thread = ThreadPoolExecutor(1)
    try:
        loop = asyncio.get_running_loop()
        seen = await loop.run_in_executor(thread, platform.executing, pid, looks)
    finally:
        # Whoever is cancelled here must not wait for it: nothing else would run meanwhile.
        thread.shutdown(wait=False)
    return {place(path) for path in seen}

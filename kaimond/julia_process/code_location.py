"""Locates what a Julia process executes: the user's compiled code, the compiler, or other code.

The main thread's code location is sampled a few times. The user's code is in memory without a file;
Base and precompiled packages are in images; the compiler, the runtime and C libraries are in
libraries of their own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from pathlib import PurePath
from typing import Final

from kaimond import platform

LOOKS: Final = 6
"""Number of samples: LLVM runs for less than half of the time that compiling takes."""


class Place(Enum):
    """What a piece of machine code belongs to."""

    USER = auto()
    """Compiled by this process: the user's code and the gate's."""
    IMAGE = auto()
    """Base or a package, compiled beforehand; includes type inference, a part of compiling."""
    COMPILER = auto()
    """LLVM, and the C++ library that it uses."""
    RUNTIME = auto()
    """Julia's own C code; up to Julia 1.6 it also generates code for LLVM."""
    SYSTEM = auto()
    """The C library, which all others may call."""
    FOREIGN = auto()
    """A C library that the user's code uses, such as BLAS."""


_NAMELESS: Final = ("/memfd:", "/dev/shm/", "/dev/zero")  # noqa: S108 - names of the kernel's
"""Path prefixes of memory that holds compiled code, if it is not plain memory."""

_PACKAGES: Final = "/compiled/v"
_LIBRARIES: Final = (
    (Place.IMAGE, ("sys.so", "sys.dylib")),
    (Place.COMPILER, ("libLLVM", "libjulia-codegen", "libstdc++")),
    (Place.RUNTIME, ("libjulia", "julia")),
    (Place.SYSTEM, ("libc.", "libc-", "libm.", "libm-", "libpthread", "libopenlibm", "ld-", "[")),
)
"""Prefixes of file names."""


def place(path: str) -> Place:
    """Return what code in this file belongs to; "" means no file."""
    if not path or path.startswith(_NAMELESS):
        return Place.USER
    if _PACKAGES in path:
        return Place.IMAGE
    name = PurePath(path).name
    return next((kind for kind, names in _LIBRARIES if name.startswith(names)), Place.FOREIGN)


async def look(pid: int, looks: int = LOOKS) -> set[Place]:
    """Sample where the main thread is; return an empty set if the system does not allow it."""
    # This needs a thread of its own that ends; see `platform.executing`.
    thread = ThreadPoolExecutor(1)
    try:
        loop = asyncio.get_running_loop()
        seen = await loop.run_in_executor(thread, platform.executing, pid, looks)
    finally:
        # A cancelled caller must not wait for the thread, as that would block the event loop.
        thread.shutdown(wait=False)
    return {place(path) for path in seen}

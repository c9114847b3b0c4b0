"""Where a Julia process computes: in the user's compiled code, in the compiler, or elsewhere.

Told by looking a few times at what its main thread executes. The user's code is in memory without
a file; that of Base and of precompiled packages in images; LLVM, the runtime and C libraries in
libraries of their own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from kaimond import platform

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOKS: Final = 2

_COMPILER: Final = ("libLLVM", "libjulia-codegen")
_IMAGES: Final = ("sys.so", "sys.dylib")
_NAMELESS: Final = ("/memfd:", "/dev/shm/", "/dev/zero")  # noqa: S108 - names of the kernel's
"""What LLVM's code lies in, if it is not plain memory."""

_PACKAGES: Final = "/compiled/v"


async def look(pid: int, looks: int = LOOKS) -> list[str]:
    """See where the main thread is; nothing where the system does not allow to look."""
    # A thread of its own, which ends: see `platform.executing`.
    with ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(thread, platform.executing, pid, looks)


def in_user_code(seen: Iterable[str]) -> bool:
    """Whether all that was seen is compiled Julia code, and some of it the user's.

    Then nothing of C or C++ is interrupted by an exception at any instruction.
    """
    kinds = [_in_memory(path) or ("image" if _is_image(path) else "") for path in seen]
    return "memory" in kinds and "" not in kinds


def in_compiler(seen: Iterable[str]) -> bool:
    """Whether the compiler was seen at work."""
    return any(PurePath(path).name.startswith(_COMPILER) for path in seen)


def _in_memory(path: str) -> str:
    return "memory" if not path or path.startswith(_NAMELESS) else ""


def _is_image(path: str) -> bool:
    return PurePath(path).name in _IMAGES or _PACKAGES in path

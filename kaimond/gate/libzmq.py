"""Finds pyzmq's libzmq, so that Julia can load it.

Nothing is installed into a user's Julia environment: the gate uses the same library that this
process has loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from pathlib import Path

import zmq

from kaimond.errors import KaimonError


class LibzmqNotFoundError(KaimonError):
    """pyzmq's shared library was not found."""


@functools.cache
def libzmq_path() -> str:
    """Return the absolute path of the libzmq in use.

    Raises:
        LibzmqNotFoundError: it is neither among the loaded libraries nor in pyzmq's folders.
    """
    for path in _loaded():
        if "libzmq" in Path(path).name:
            return path
    package = Path(zmq.__file__).parent
    for folder in (package.parent / "pyzmq.libs", package / ".dylibs"):
        for candidate in sorted(folder.glob("libzmq*")):
            return str(candidate)
    raise LibzmqNotFoundError(
        f"the libzmq that belongs to pyzmq {zmq.__version__} was not found beside {package}. "
        "No session can be started. Reinstall it: python -m pip install --force-reinstall pyzmq"
    )


def publish(file: Path) -> None:
    """Write the path of our libzmq to a file, for gates that people start themselves.

    Raises:
        LibzmqNotFoundError: the library was not found.
        OSError: the file cannot be written.
    """
    text = libzmq_path() + "\n"
    with contextlib.suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8") == text:
            return
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(file)


def _loaded() -> list[str]:
    if sys.platform == "darwin":
        library = ctypes.CDLL(None)
        library._dyld_get_image_name.restype = ctypes.c_char_p  # noqa: SLF001 - its real name
        count = library._dyld_image_count()  # noqa: SLF001
        names = (library._dyld_get_image_name(number) for number in range(count))  # noqa: SLF001
        return [name.decode() for name in names if name]
    try:
        text = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # The path comes after five columns and may contain blanks.
    fields = (line.split(maxsplit=5) for line in text.splitlines())
    return [field[5] for field in fields if len(field) == 6]  # noqa: PLR2004

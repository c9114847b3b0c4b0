"""The end of what a session has written, and what it writes next.

The output is anybody's: on a terminal colours pass and everything else that a terminal would act on
is shown instead. A file or a pipe gets the bytes as they are.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Final

from kaimond.ctl.output import CtlError

if TYPE_CHECKING:
    from pathlib import Path

PAUSE: Final = 0.2
"""Seconds between two looks at the file."""

_CHUNK: Final = 1 << 16
_COLOUR_OR_CONTROL: Final = re.compile(r"(\x1b\[[0-9;]*m)|([^\n\t]?)", re.DOTALL)


def show(path: Path, lines: int, *, follow: bool) -> None:
    """Print the last lines of ``path``, and with ``follow`` what comes, for ever.

    Raises:
        CtlError: there is no such output.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CtlError(
            f"{path} cannot be read ({error.strerror}). `kaimonctl sessions --all` lists the keys."
        ) from None
    # A character may be cut in two by a block's end.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        os.lseek(descriptor, _start(descriptor, lines), os.SEEK_SET)
        while True:
            _copy(descriptor, decoder)
            if not follow:
                return
            # Julia writes the file itself. What would tell of it differs between systems, and takes
            # longer to load than a person takes to notice the pause.
            time.sleep(PAUSE)
            descriptor = _current(path, descriptor, decoder)
    finally:
        os.close(descriptor)


def harmless(text: str) -> str:
    """``text`` with its colours, lines and tabs; other control characters are shown."""

    def shown(match: re.Match[str]) -> str:
        if match[1] or not match[2] or match[2].isprintable():
            return match[0]
        return match[2].encode("unicode_escape").decode()

    # Programs that draw progress bars return to the line's beginning.
    return _COLOUR_OR_CONTROL.sub(shown, text.replace("\r\n", "\n").replace("\r", "\n"))


def _start(descriptor: int, lines: int) -> int:
    """Where the last ``lines`` lines begin."""
    end = os.fstat(descriptor).st_size
    if not lines or not end:
        return end
    # The newline at the very end closes the last line and begins none.
    left = lines + (os.pread(descriptor, 1, end - 1) == b"\n")
    while end > 0:
        begin = max(0, end - _CHUNK)
        found = len(block := os.pread(descriptor, end - begin, begin))
        while (found := block.rfind(b"\n", 0, found)) >= 0:
            left -= 1
            if not left:
                return begin + found + 1
        end = begin
    return 0


def _copy(descriptor: int, decoder: codecs.IncrementalDecoder) -> None:
    while data := os.read(descriptor, _CHUNK):
        if sys.stdout.isatty():
            sys.stdout.write(harmless(decoder.decode(data)))
        else:
            sys.stdout.buffer.write(data)
    sys.stdout.flush()


def _current(path: Path, descriptor: int, decoder: codecs.IncrementalDecoder) -> int:
    """The file that is written now: after a rotation it is another one."""
    mine = os.fstat(descriptor)
    try:
        now = path.stat()
    except OSError:
        return descriptor
    if (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino):
        if now.st_size < os.lseek(descriptor, 0, os.SEEK_CUR):
            os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor
    fresh = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    _copy(descriptor, decoder)
    os.close(descriptor)
    return fresh

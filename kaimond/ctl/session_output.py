"""Prints the end of a session's output, and follows it.

The output can contain anything: on a terminal, colours pass and all other control characters are
made visible. A file or a pipe gets the bytes unchanged.
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
"""Seconds between two reads of the file."""

_CHUNK: Final = 1 << 16
_COLOUR_OR_CONTROL: Final = re.compile(r"(\x1b\[[0-9;]*m)|([^\n\t]?)", re.DOTALL)
_REPAINT_OR_CONTROL: Final = re.compile(r"(\x1b\[[0-9;]*[mKA]|\r)|([^\n\t]?)", re.DOTALL)


def show(path: Path, lines: int, *, follow: bool) -> None:
    """Print the last lines of ``path``, and with ``follow`` what is appended, for ever.

    Raises:
        CtlError: the file does not exist.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CtlError(
            f"{path} cannot be read ({error.strerror}). `kaimonctl sessions --all` lists the keys."
        ) from None
    # A read may end in the middle of a character.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        os.lseek(descriptor, _start(descriptor, lines), os.SEEK_SET)
        while True:
            _copy(descriptor, decoder)
            if not follow:
                return
            # Poll: Julia writes the file itself, and file notifications differ between systems and
            # take longer to load than a person takes to notice the pause.
            time.sleep(PAUSE)
            descriptor = _current(path, descriptor, decoder)
    finally:
        os.close(descriptor)


def harmless(text: str, *, repaints: bool = False) -> str:
    """Return ``text`` with colours, lines and tabs; show other control characters.

    Args:
        text: the text.
        repaints: whether a progress bar may repaint its lines, instead of beginning new ones.
    """

    def shown(match: re.Match[str]) -> str:
        if match[1] or not match[2] or match[2].isprintable():
            return match[0]
        return match[2].encode("unicode_escape").decode()

    if repaints:
        return _REPAINT_OR_CONTROL.sub(shown, text)
    return _COLOUR_OR_CONTROL.sub(shown, text.replace("\r\n", "\n").replace("\r", "\n"))


def _start(descriptor: int, lines: int) -> int:
    """Return the offset of the last ``lines`` lines."""
    end = os.fstat(descriptor).st_size
    if not lines or not end:
        return end
    # A newline at the very end closes the last line and does not begin another.
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
    """Return a descriptor of the file that is written now, which a rotation replaces."""
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

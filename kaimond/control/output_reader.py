"""Reads the output of an eval from its file, piece by piece, while it grows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kaimond.mcp.text import end_of

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK: Final = 2**16


class OutputReader:
    """A reader of one file.

    The file is opened once, because it is removed when the session ends or restarts.

    Args:
        path: the file, which need not exist yet.
        position: where to begin, in bytes.

    Attributes:
        position: how far it has been read.
    """

    def __init__(self, path: Path, position: int) -> None:
        self.position = position
        self._path = path
        self._file = -1

    def piece(self, size: int = -1) -> bytes:
        """Return the next piece; empty if there is none now.

        Args:
            size: where the output ends, if that is known. Before, a character or an escape that is
                not complete waits for its rest.
        """
        if self._file < 0:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return b""
        most = _CHUNK if size < 0 else min(_CHUNK, size - self.position)
        data = os.pread(self._file, most, self.position)
        if self.position + len(data) != size:
            data = data[: end_of(data)]
        self.position += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

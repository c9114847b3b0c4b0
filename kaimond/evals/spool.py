"""The spool: files of evals' output that Julia appends to and the daemon reads.

Output does not pass through the daemon while it is produced. So a flood costs the daemon nothing, C
libraries and child processes are captured in order, and nothing is lost while no daemon runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from kaimond.runtime import ensure_private

if TYPE_CHECKING:
    from pathlib import Path

KEEP: Final = 20
"""Number of evals per session whose output files are kept."""


SUFFIX: Final = ".out"
"""Suffix of output files."""


@dataclass(frozen=True)
class Output:
    """The head and tail of an eval's output.

    Attributes:
        head: the beginning; all of it if nothing was omitted.
        tail: the end, if something was omitted.
        omitted: number of bytes between them, which are only in the file.
        path: the file's path.
    """

    head: bytes
    tail: bytes
    omitted: int
    path: Path


class File(NamedTuple):
    """An output file.

    Attributes:
        session: the session's key.
        eval_id: the eval's id.
        size: size in bytes.
        path: the file's path.
    """

    session: str
    eval_id: str
    size: int
    path: Path


def survey(directory: Path) -> list[File]:
    """Return the current output files of all sessions.

    Args:
        directory: contains a directory of output files for each session.
    """
    found = []
    for path in directory.glob(f"*/*{SUFFIX}"):
        # The files of a session are removed when it ends.
        with contextlib.suppress(OSError):
            found.append(File(path.parent.name, path.stem, path.stat().st_size, path))
    return found


def _eval_of(path: str) -> str:
    return os.path.basename(path)[:8]  # noqa: PTH119 - a plain string from scandir


class Spool:
    """The output files of one session, in their own directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, eval_id: str) -> Path:
        """Return the path for the output of an eval."""
        return self._directory / f"{eval_id}{SUFFIX}"

    def beside(self, eval_id: str, ending: str) -> Path:
        """Return the path for another file of an eval, which is kept as long as its output."""
        return self._directory / f"{eval_id}{ending}"

    def prepare(self) -> None:
        """Create the directory, and remove the files of the oldest evals beyond `KEEP`.

        Raises:
            kaimond.runtime.UnsafeDirectoryError: it cannot be created or trusted.
        """
        ensure_private(self._directory)
        with os.scandir(self._directory) as entries:
            files = [(entry.stat().st_mtime, entry.path) for entry in entries]
        # Files of the same eval, which have its id in front, go together.
        newest: dict[str, float] = {}
        for changed, path in files:
            eval_id = _eval_of(path)
            newest[eval_id] = max(changed, newest.get(eval_id, 0.0))
        kept = set(sorted(newest, key=lambda eval_id: newest[eval_id])[-(KEEP - 1) :])
        for _, path in files:
            if _eval_of(path) not in kept:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108 - a plain string from scandir

    def size(self, eval_id: str) -> int:
        """Return the number of bytes of output so far."""
        try:
            return self.path(eval_id).stat().st_size
        except FileNotFoundError:
            return 0

    def piece(self, eval_id: str, begin: int, end: int) -> bytes:
        """Return the bytes from ``begin`` to ``end``, as far as they exist."""
        try:
            with self.path(eval_id).open("rb") as file:
                file.seek(begin)
                return file.read(max(0, end - begin))
        except FileNotFoundError:
            return b""

    def read(self, eval_id: str, end: int, head: int, tail: int) -> Output:
        """Return the first ``head`` and the last ``tail`` bytes before position ``end``.

        If the file is missing or shorter, return what there is.
        """
        path = self.path(eval_id)
        try:
            with path.open("rb") as file:
                size = min(end, os.fstat(file.fileno()).st_size)
                if size <= head + tail:
                    return Output(file.read(size), b"", 0, path)
                first = file.read(head)
                file.seek(size - tail)
                return Output(first, file.read(tail), size - head - tail, path)
        except OSError:
            return Output(b"", b"", 0, path)

    def evals(self) -> list[str]:
        """Return the ids of the evals that have an output file."""
        return [path.stem for path in self._directory.glob(f"*{SUFFIX}")]

    def remove(self) -> None:
        """Remove the directory and all files, because the session has ended."""
        shutil.rmtree(self._directory, ignore_errors=True)

"""The output of an eval: a file that Julia appends to and the daemon reads.

Output does not travel through the daemon while it is made, so a flood costs the daemon nothing, C
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
"""Output files of that many evals are kept for each session."""


SUFFIX: Final = ".out"
"""Of output files."""


@dataclass(frozen=True)
class Output:
    """Both ends of an eval's output.

    Attributes:
        head: the beginning; all of it if nothing was left out.
        tail: the end, if something was left out.
        omitted: bytes between them that are only in the file.
        path: of the file.
    """

    head: bytes
    tail: bytes
    omitted: int
    path: Path


class File(NamedTuple):
    """One output file.

    Attributes:
        session: the session's key.
        eval_id: of the eval.
        size: in bytes.
        path: of the file.
    """

    session: str
    eval_id: str
    size: int
    path: Path


def survey(directory: Path) -> list[File]:
    """All output files of all sessions, as they are now.

    Args:
        directory: that has a directory of files for each session.
    """
    found = []
    for path in directory.glob(f"*/*{SUFFIX}"):
        # A session that ends takes its files with it.
        with contextlib.suppress(OSError):
            found.append(File(path.parent.name, path.stem, path.stat().st_size, path))
    return found


class Spool:
    """The output files of one session, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, eval_id: str) -> Path:
        """Where the output of an eval goes."""
        return self._directory / f"{eval_id}{SUFFIX}"

    def prepare(self) -> None:
        """Make the directory, and drop the oldest files beyond `KEEP`.

        Raises:
            kaimond.runtime.UnsafeDirectoryError: it cannot be made or trusted.
        """
        ensure_private(self._directory)
        with os.scandir(self._directory) as entries:
            files = [(entry.stat().st_mtime, entry.path) for entry in entries]
        for _, path in sorted(files)[: -(KEEP - 1) or None]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - a plain string from scandir

    def size(self, eval_id: str) -> int:
        """Bytes of output so far."""
        try:
            return self.path(eval_id).stat().st_size
        except FileNotFoundError:
            return 0

    def piece(self, eval_id: str, begin: int, end: int) -> bytes:
        """The bytes from ``begin`` to ``end``, as far as they are there."""
        try:
            with self.path(eval_id).open("rb") as file:
                file.seek(begin)
                return file.read(max(0, end - begin))
        except FileNotFoundError:
            return b""

    def read(self, eval_id: str, end: int, head: int, tail: int) -> Output:
        """The first ``head`` and the last ``tail`` bytes before position ``end``.

        A file that is missing or shorter gives what is there.
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
        """Ids of the evals whose output is there."""
        return [path.stem for path in self._directory.glob(f"*{SUFFIX}")]

    def remove(self) -> None:
        """Remove everything; the session is no more."""
        shutil.rmtree(self._directory, ignore_errors=True)

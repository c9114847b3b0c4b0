"""Changes a client's configuration file without risking the loss of anything in it.

The new text replaces the old one atomically, keeps its mode and owner, and follows any links
to the real file. The previous text is kept in our state directory rather than beside the file,
because a project's file lies in a repository.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.clients import EditError
from kaimond.config import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TRIES: Final = 5
"""How often a change is tried again because the client wrote its file at the same moment."""

_NOTHING: Final = {b"", b"{}"}
"""Texts that say nothing, without their blanks."""


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a change.

    Attributes:
        target: the file itself, with all links followed.
        changed: whether anything was written.
        backup: the file with the previous text; None if there was none.
        removed: whether the file was removed, because nothing was left in it.
    """

    target: Path
    changed: bool
    backup: Path | None = None
    removed: bool = False


def read(path: Path) -> str:
    """Return the text of a configuration; "" if there is no file.

    Raises:
        EditError: the file cannot be read.
    """
    return _decoded(_content(path) or b"")


def change(
    path: Path,
    edit: Callable[[str], str],
    backups: Path,
    *,
    private: bool,
    within: Path | None = None,
) -> Written:
    """Replace the text of the file at ``path`` by ``edit(text)``.

    A file in which nothing is left is removed, because not every client reads an empty one. If
    ``path`` is a link, it stays.

    Args:
        path: the configuration file, which need not exist.
        edit: maps the old text to the new one; called again if the file changed meanwhile.
        backups: the directory for the previous text.
        private: whether a newly created file is readable by the user only.
        within: the project that the file is for. A repository may hold links that lead elsewhere;
            they are not followed.

    Raises:
        EditError: nothing was changed; the message gives the reason.
    """
    target = files.target(path)
    if within and not target.is_relative_to(files.target(within)):
        raise EditError(f"it leads out of the project, to {target}")
    try:
        # Keeps two of our own writers apart; clients do not know about this lock.
        with files.locked(backups / "any"):
            for _ in range(_TRIES):
                before = _content(target)
                after = edit(_decoded(before or b"")).encode()
                if after == (before or b""):
                    return Written(target, changed=False)
                backup = _back_up(target, before, backups) if before is not None else None
                nothing_left = not path.is_symlink() and b"".join(after.split()) in _NOTHING
                try:
                    if nothing_left:
                        _remove(target, before)
                    else:
                        _replace(target, before, after, private=private)
                except files.ChangedError:
                    if backup:
                        backup.unlink()
                else:
                    return Written(target, True, backup, nothing_left)
    except OSError as error:
        raise EditError(f"it cannot be written: {error.strerror or error}") from None
    except UnicodeEncodeError:
        raise EditError("the path of kaimon-mcp is not UTF-8") from None
    raise EditError("it is being written all the time by another program")


def _content(path: Path) -> bytes | None:
    try:
        return files.read_if_there(path)
    except OSError as error:
        raise EditError(f"it cannot be read: {error.strerror or error}") from None


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EditError(f"line {line}: the text is not UTF-8") from None


def _back_up(target: Path, content: bytes, backups: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        path = backups / f"{stamp}{suffix}-{target.name.lstrip('.')}"
        if not path.exists():
            files.replace(path, content)
            return path
        number += 1


def _remove(target: Path, before: bytes | None) -> None:
    if _content(target) != before:
        raise files.ChangedError
    target.unlink(missing_ok=True)


def _replace(target: Path, before: bytes | None, after: bytes, *, private: bool) -> None:
    if private:
        files.make_private_directory(target.parent)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
    files.replace(target, after, before=before, mode=0o600 if private else 0o666)

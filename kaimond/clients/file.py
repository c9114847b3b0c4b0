"""Changing a client's configuration on the disk, so that nothing in it can be lost.

The new text takes the old one's place in one step, with its mode and owner, and behind whatever
links lead to it. What was there before is kept in our state directory, not beside the file: a
project's file stands in a repository.
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
"""How often a change begins anew because the client wrote its file in the same moment."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a file.

    Attributes:
        target: the file itself, behind all links.
        changed: whether anything was written.
        backup: where the text from before is; None if there was none.
    """

    target: Path
    changed: bool
    backup: Path | None = None


def read(path: Path) -> str:
    """The text of a configuration; "" if there is none.

    Raises:
        EditError: it cannot be read.
    """
    return _decoded(_content(path) or b"")


def change(path: Path, edit: Callable[[str], str], backups: Path, *, private: bool) -> Written:
    """Replace the text of ``path`` by ``edit`` of it.

    Args:
        path: of the configuration, which need not exist.
        edit: from the old text to the new one; called anew if the file changed meanwhile.
        backups: directory for what was there before.
        private: whether a file that is made now is for the user alone.

    Raises:
        EditError: nothing was changed, with the reason.
    """
    target = files.target(path)
    try:
        # Two of us must not change the same file at once; clients know nothing of this lock.
        with files.locked(backups / "any"):
            for _ in range(_TRIES):
                before = _content(target)
                after = edit(_decoded(before or b"")).encode()
                if after == (before or b""):
                    return Written(target, changed=False)
                backup = _back_up(target, before, backups) if before is not None else None
                try:
                    _replace(target, before, after, private=private)
                except files.ChangedError:
                    if backup:
                        backup.unlink()
                else:
                    return Written(target, changed=True, backup=backup)
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


def _replace(target: Path, before: bytes | None, after: bytes, *, private: bool) -> None:
    if private:
        files.make_private_directory(target.parent)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
    files.replace(target, after, before=before, mode=0o600 if private else 0o666)

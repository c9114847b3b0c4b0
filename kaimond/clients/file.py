"""Changing a client's configuration on the disk, so that nothing in it can be lost.

The new text takes the old one's place in one step, with its mode and owner, and behind whatever
links lead to it. What was there before is kept in our state directory, not beside the file: a
project's file stands in a repository.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.clients.errors import EditError
from kaimond.config import files

if TYPE_CHECKING:
    from collections.abc import Callable

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
    target = Path(os.path.realpath(path))
    try:
        files.make_private_directory(backups)
        # Two of us must not change the same file at once; clients know nothing of this lock.
        with files.locked(backups / "any"):
            for _ in range(_TRIES):
                before = _content(target)
                after = edit(_decoded(before or b"")).encode()
                if after == (before or b""):
                    return Written(target, changed=False)
                backup = _back_up(target, before, backups) if before is not None else None
                if _replace(target, before, after, private=private):
                    return Written(target, changed=True, backup=backup)
                if backup:
                    backup.unlink()
    except OSError as error:
        raise EditError(f"it cannot be written: {error.strerror or error}") from None
    except UnicodeEncodeError:
        raise EditError("the path of kaimon-mcp is not UTF-8") from None
    raise EditError("it is being written all the time by another program")


def _content(path: Path) -> bytes | None:
    try:
        return files.read(path)
    except FileNotFoundError:
        return None
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
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1
            continue
        with open(fd, "wb") as file:  # noqa: PTH123 - a file descriptor has no Path
            file.write(content)
            file.flush()
            os.fsync(fd)
        return path


def _replace(target: Path, before: bytes | None, after: bytes, *, private: bool) -> bool:
    """Put the new text in place; False if the old one is not what it was any more."""
    if before is None:
        if private:
            files.make_private_directory(target.parent)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.kaimon")
    draft.unlink(missing_ok=True)
    try:
        mode = 0o600 if private or before is not None else 0o666
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(fd, "wb") as file:  # noqa: PTH123 - a file descriptor has no Path
            if before is not None:
                old = target.stat()
                # A group that we are not in cannot be given; then it is the user's own.
                with contextlib.suppress(OSError):
                    os.fchown(fd, old.st_uid, old.st_gid)
                os.fchmod(fd, stat.S_IMODE(old.st_mode))
            file.write(after)
            file.flush()
            os.fsync(fd)
        if _content(target) != before:
            return False
        draft.replace(target)
    except FileNotFoundError:
        # The old file went away between the two looks.
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True

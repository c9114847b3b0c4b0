"""Changes startup files on the disk: atomically, with a backup, and following links."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from kaimond import paths
from kaimond.config import files
from kaimond.errors import KaimonError
from kaimond.startup_jl import block
from kaimond.startup_jl.block import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator


class StartupError(KaimonError):
    """The file was not changed; the message says why and what to do."""


class FileState(StrEnum):
    """The state of our block in a startup file."""

    ABSENT = "absent"
    """The block is not in it, or there is no file."""

    INSTALLED = "installed"
    OUTDATED = "outdated"
    """The block is there, but from another version or another installation."""

    UNCLEAR = "unclear"
    """The file cannot be read, or its content is ambiguous."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """The state of a startup file.

    Attributes:
        file: The startup file's path.
        state: The state of our block.
        exists: Whether the file exists.
        problem: Why the state is unclear, or "".
        own_call: The line outside our block that also calls `Gate.serve`, if there is one.
    """

    file: Path
    state: FileState
    exists: bool = False
    problem: str = ""
    own_call: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a change.

    Attributes:
        file: The startup file's path.
        changed: Whether the file was written or removed.
        existed: Whether the file existed before.
        exists: Whether the file exists now.
        backup: The file with the previous content, if it was kept.
    """

    file: Path
    changed: bool
    existed: bool
    exists: bool
    backup: Path | None = None


def look(file: Path, directory: Path) -> SeenFile:
    """Return the state of a startup file; never raises.

    Args:
        file: The startup file.
        directory: The directory that contains the package.
    """
    try:
        content = _read(files.target(file))
        if content is None:
            return SeenFile(file, FileState.ABSENT)
        found = block.find(content)
        own_call = block.own_call(content)
        current = found and block.installed(content, str(directory)) == content
    except (StartupError, DamagedError) as error:
        return SeenFile(file, FileState.UNCLEAR, True, str(error))
    state = FileState.INSTALLED if current else FileState.OUTDATED if found else FileState.ABSENT
    return SeenFile(file, state, True, own_call=own_call)


def install(file: Path, directory: Path) -> Done:
    """Insert our block into a startup file, or update it.

    Args:
        file: The startup file; created if it does not exist.
        directory: The directory that contains the package.

    Raises:
        StartupError: The change failed; the file is as it was.
    """
    try:
        str(directory).encode()
    except UnicodeEncodeError:
        raise StartupError(
            f"The package is in {str(directory)!a}, a path that is not UTF-8, so no startup file "
            "can name it. Nothing was changed."
        ) from None
    with _changing(file) as target:
        before = _read(target)
        after = block.installed(before, str(directory))
        if after == before:
            return Done(file, changed=False, existed=True, exists=True)
        _check_writable(target)
        backup = None
        if before is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        elif block.find(before) is None:
            backup = _back_up(target, before)
        files.replace(target, after, before=before, mode=0o666)
        return Done(file, True, before is not None, True, backup)


def remove(file: Path) -> Done:
    """Remove our block from a startup file, and the file itself if it was created for the block.

    The backup is removed too if it equals the file's new content.

    Raises:
        StartupError: The change failed; the file is as it was.
    """
    with _changing(file) as target:
        before = _read(target)
        left = block.removed(before or b"")
        if before is None or left.content == before:
            exists = before is not None
            return Done(file, changed=False, existed=exists, exists=exists)
        _check_writable(target)
        if left.was_ours:
            target.unlink()
            return Done(file, True, True, False)
        files.replace(target, left.content, before=before)
        return Done(file, True, True, True, _backup_left(target, left.content))


@contextlib.contextmanager
def _changing(file: Path) -> Iterator[Path]:
    """Yield the file behind all links, under the lock of all startup files; translate errors."""
    try:
        # Not beside the file, because its directory may be a repository.
        with files.locked(paths.resolve().state / "startup"):
            yield files.target(file)
    except DamagedError as error:
        raise StartupError(
            f"{file} was not changed: {error}. Mend it in an editor, and try again."
        ) from None
    except files.ChangedError:
        raise StartupError(
            f"{file} was changed by somebody else at this moment, so it was left as it is. "
            "Try again."
        ) from None
    except OSError as error:
        raise StartupError(
            f"{file} could not be changed ({error.strerror or error}). It is as it was."
        ) from None


def _read(file: Path) -> bytes | None:
    try:
        return files.read_if_there(file)
    except OSError as error:
        raise StartupError(
            f"{file} cannot be read ({error.strerror}), so it was not changed. "
            "See what is at that path."
        ) from None


def _check_writable(file: Path) -> None:
    """Refuse a read-only file, because replacing a file would not honour its mode."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return
    if not status.st_mode & stat.S_IWUSR or not os.access(file, os.W_OK):
        raise StartupError(
            f"{file} is read-only, so it was not changed. Make it writable (chmod u+w), or put "
            "into it by hand what `kaimonctl startup show --block` prints."
        )
    if os.geteuid() not in {0, status.st_uid}:
        raise StartupError(
            f"{file} belongs to another user, and would be yours after a change, so it was not "
            "changed. Put into it by hand what `kaimonctl startup show --block` prints."
        )
    if status.st_nlink > 1:
        raise StartupError(
            f"{file} has {status.st_nlink} hard links, which a change would tear apart, so it was "
            "not changed. Put into it by hand what `kaimonctl startup show --block` prints."
        )


def _backup_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.before-kaimon")


def _back_up(file: Path, content: bytes) -> Path:
    backup = _backup_of(file)
    if _read(backup) != content:
        if backup.exists():
            # An older backup may be the only copy of content that was deleted since.
            fd, name = tempfile.mkstemp(prefix=f"{backup.name}-", dir=file.parent)
            os.close(fd)
            backup = Path(name)
        files.replace(backup, content, like=file)
    return backup


def _backup_left(file: Path, content: bytes) -> Path | None:
    """Remove the backup if it is no longer needed; return it if it stays."""
    backup = _backup_of(file)
    kept = _read(backup)
    if kept == content:
        with contextlib.suppress(OSError):
            backup.unlink()
            return None
    return None if kept is None else backup

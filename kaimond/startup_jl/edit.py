"""Changes startup files on the disk: whole or not at all, with a backup, and through links."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kaimond.config import files
from kaimond.startup_jl import block
from kaimond.startup_jl.block import DamagedError


class StartupError(Exception):
    """The file was not changed; the text says why, and what can be done."""


class State(StrEnum):
    """How a startup file is."""

    ABSENT = "absent"
    """Our block is not in it, or there is no file."""

    INSTALLED = "installed"
    OUTDATED = "outdated"
    """The block is in it, but of another version or another installation."""

    UNCLEAR = "unclear"
    """It cannot be read, or what is in it is not clear."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a startup file is found to be.

    Attributes:
        file: Where it is.
        state: How it is.
        exists: Whether there is a file.
        problem: Why the state is unclear, or "".
        own_call: The line outside our block that calls `Gate.serve` as well, if one does.
    """

    file: Path
    state: State
    exists: bool = False
    problem: str = ""
    own_call: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a change did.

    Attributes:
        file: Which was, or was not, changed.
        changed: Whether it was written, or removed.
        existed: Whether the file was there before.
        exists: Whether it is there now.
        backup: What it was like before, if that was kept.
    """

    file: Path
    changed: bool
    existed: bool
    exists: bool
    backup: Path | None = None


def look(file: Path, directory: Path) -> Seen:
    """Return how a startup file is; never raises.

    Args:
        file: The startup file.
        directory: The one that holds the package.
    """
    try:
        content = _read(_target(file))
        if content is None:
            return Seen(file, State.ABSENT)
        found = block.find(content)
        own_call = block.own_call(content)
        current = found and block.installed(content, str(directory)) == content
    except (StartupError, DamagedError) as error:
        return Seen(file, State.UNCLEAR, True, str(error))
    state = State.INSTALLED if current else State.OUTDATED if found else State.ABSENT
    return Seen(file, state, True, own_call=own_call)


def install(file: Path, directory: Path) -> Done:
    """Put our block into a startup file, or bring it up to date.

    Args:
        file: The startup file; it is made if it does not exist.
        directory: The one that holds the package.

    Raises:
        StartupError: It could not be done; the file is as it was.
    """
    target = _target(file)
    before = _read(target)
    try:
        str(directory).encode()
        after = block.installed(before, str(directory))
    except DamagedError as error:
        raise _damaged(file, error) from None
    except UnicodeEncodeError:
        raise StartupError(
            f"The package is in {str(directory)!a}, a path that is not UTF-8, so no startup file "
            "can name it. Nothing was changed."
        ) from None
    if after == before:
        return Done(file, changed=False, existed=True, exists=True)
    backup = None
    if before is None:
        _make_directory(target)
    elif block.find(before) is None:
        backup = _back_up(target, before)
    _write(target, before, after)
    return Done(file, True, before is not None, True, backup)


def remove(file: Path) -> Done:
    """Take our block out of a startup file, and remove the file if it was made for the block.

    The backup goes too if it says the same as the file now.

    Raises:
        StartupError: It could not be done; the file is as it was.
    """
    target = _target(file)
    before = _read(target)
    try:
        left = block.removed(before or b"")
    except DamagedError as error:
        raise _damaged(file, error) from None
    if before is None or left.content == before:
        exists = before is not None
        return Done(file, changed=False, existed=exists, exists=exists)
    if left.was_ours:
        _check_writable(target)
        try:
            target.unlink()
        except OSError as error:
            raise _unchanged(target, error) from None
        return Done(file, True, True, False)
    _write(target, before, left.content)
    return Done(file, True, True, True, _backup_left(target, left.content))


def _target(file: Path) -> Path:
    """Return where the file really is, so that a link into a folder of dotfiles stays one."""
    return Path(os.path.realpath(file))


def _read(file: Path) -> bytes | None:
    try:
        return files.read(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(
            f"{file} cannot be read ({error.strerror}), so it was not changed. "
            "See what is at that path."
        ) from None


def _damaged(file: Path, error: DamagedError) -> StartupError:
    return StartupError(f"{file} was not changed: {error}. Mend it in an editor, and try again.")


def _unchanged(file: Path, error: OSError) -> StartupError:
    return StartupError(
        f"{file} could not be changed ({error.strerror or error}). It is as it was."
    )


def _check_writable(file: Path) -> None:
    """Refuse what its owner has locked: replacing a file would not ask for its own mode."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return
    if not status.st_mode & stat.S_IWUSR or not os.access(file, os.W_OK):
        raise StartupError(
            f"{file} is read-only, so it was not changed. Make it writable (chmod u+w), or put "
            "into it by hand what `kaimonctl startup show --block` prints."
        )
    if status.st_nlink > 1:
        raise StartupError(
            f"{file} has {status.st_nlink} hard links, which a change would tear apart, so it was "
            "not changed. Put into it by hand what `kaimonctl startup show --block` prints."
        )


def _make_directory(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unchanged(file, error) from None


def _backup_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.before-kaimon")


def _back_up(file: Path, content: bytes) -> Path:
    backup = _backup_of(file)
    _check_writable(file)
    if _read(backup) != content:
        if backup.exists():
            # An older one may be the only copy of what somebody has deleted since.
            fd, name = tempfile.mkstemp(prefix=f"{backup.name}-", dir=file.parent)
            os.close(fd)
            backup = Path(name)
        _replace(backup, content, stat.S_IMODE(file.stat().st_mode))
    return backup


def _backup_left(file: Path, content: bytes) -> Path | None:
    """Remove the backup if it is of no more use; return it if it stays."""
    backup = _backup_of(file)
    kept = _read(backup)
    if kept == content:
        with contextlib.suppress(OSError):
            backup.unlink()
            return None
    return None if kept is None else backup


def _write(file: Path, before: bytes | None, after: bytes) -> None:
    _check_writable(file)
    if _read(file) != before:
        raise StartupError(
            f"{file} was changed by somebody else at this moment, so it was left as it is. "
            "Try again."
        )
    umask = os.umask(0)
    os.umask(umask)
    mode = 0o666 & ~umask if before is None else stat.S_IMODE(file.stat().st_mode)
    _replace(file, after, mode)


def _replace(file: Path, content: bytes, mode: int) -> None:
    try:
        fd, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise _unchanged(file, error) from None
    try:
        with open(fd, "wb") as stream:  # noqa: PTH123 - a file descriptor has no Path
            stream.write(content)
            os.fchmod(fd, mode)
            _keep_owner(fd, file)
            stream.flush()
            os.fsync(fd)
        Path(draft).replace(file)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise _unchanged(file, error) from None


def _keep_owner(fd: int, file: Path) -> None:
    """Give a file of somebody else's back to them; whoever may not do that is refused."""
    try:
        owner = file.stat()
    except FileNotFoundError:
        return
    ours = os.fstat(fd)
    if (owner.st_uid, owner.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(fd, owner.st_uid, owner.st_gid)

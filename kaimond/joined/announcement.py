"""Reads and checks the announcements of REPLs that want to join.

A person's REPL writes ``KEY.json`` beside its socket. A file is accepted only as far as it can be
verified: it must have the right name, format, owner and mode, and its process must exist with the
claimed start time. Only the gate itself can then prove, over its socket, that it is the announced
one; until then there is no session.

The decisions here are pure: what the system says is passed in.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.errors import KaimonError
from kaimond.gate.frames import PROTOCOLS, Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST: Final = 16_384
"""Maximum bytes of an announcement; a real one has a few hundred."""

FORM: Final = 1
"""Format number of announcements, in their field ``kaimon``."""

_NAME: Final = re.compile(r"([0-9a-f]{8})\.(json|sock)")
_HEX: Final = re.compile(r"[0-9a-f]{16,64}")
_START: Final = re.compile(r"[0-9]{0,32}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LONGEST: Final = 4096
_MOST_PID: Final = 2**31 - 1


class NotAnnouncedError(KaimonError):
    """A file is no valid announcement; the message says why, as a clause.

    Attributes:
        gone: whether the file no longer exists.
        stale: whether it is a genuine announcement of a process that has ended.
    """

    def __init__(self, why: str, *, gone: bool = False, stale: bool = False) -> None:
        super().__init__(why)
        self.gone = gone
        self.stale = stale


@dataclass(frozen=True)
class Announcement:
    """What a gate announces about its process.

    Attributes:
        key: the session's key; the file's name contains it, too.
        pid: the process's pid.
        start: when the process started, as in ``kaimond.platform``; "" if the gate cannot know.
        boot: boot id, new for every process image.
        nonce: repeated by the gate in its answers.
        protocol: the protocol that the gate speaks.
        gate: the gate's version.
        julia: Julia's version.
        project: directory of the active project.
        pwd: working directory when the file was written.
        name: distinguishes sessions of one project.
        namespace: prefix of the session's own tools.
        allow_restart: whether agents may restart it.
        allow_mirror: whether agents' evals may be shown in it.
        restarting: whether the process is about to execute Julia anew.
    """

    key: str
    pid: int
    start: str
    boot: str
    nonce: str
    protocol: int
    gate: str
    julia: str
    project: str
    pwd: str
    name: str
    namespace: str
    allow_restart: bool
    allow_mirror: bool
    restarting: bool


def key_of(name: str) -> str | None:
    """Return the session key in a file's name; None if the file is not one of ours."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def read(path: Path, uid: int) -> bytes:
    """Return the content of an announcement, if only this user can have written it.

    Args:
        path: the file's path.
        uid: the user's id.

    Raises:
        NotAnnouncedError: the file is missing or cannot be trusted.
    """
    try:
        # Do not follow links, and do not wait for a writer if it is a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise NotAnnouncedError("it is gone", gone=True) from None
    except OSError as error:
        raise NotAnnouncedError(f"it cannot be opened: {error.strerror}") from None
    try:
        problem = misplaced(os.fstat(descriptor), uid)
        if problem:
            raise NotAnnouncedError(problem)
        return os.read(descriptor, MOST + 1)
    except OSError as error:
        raise NotAnnouncedError(f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def misplaced(found: os.stat_result, uid: int) -> str:
    """Return why a file cannot be trusted, as a clause; "" if it can."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_uid != uid:
        return f"it belongs to user {found.st_uid}"
    if found.st_mode & _OTHERS:
        return f"it is open to others (mode {stat.S_IMODE(found.st_mode):o})"
    if found.st_size > MOST:
        return f"it has {found.st_size} bytes"
    return ""


def check_socket(path: Path, uid: int) -> None:
    """Check that a gate's socket exists and is ours.

    Raises:
        NotAnnouncedError: it does not, or is not.
    """
    try:
        found = path.lstat()
    except OSError:
        raise NotAnnouncedError("its socket is gone", gone=True) from None
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != uid:
        raise NotAnnouncedError("what should be its socket is not a socket of ours")


def parse(data: bytes, key: str) -> Announcement:
    """Parse the announcement in the file that is named after ``key``.

    Raises:
        NotAnnouncedError: the data is no valid announcement.
    """
    if len(data) > MOST:
        raise NotAnnouncedError(f"it has more than {MOST} bytes")
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NotAnnouncedError("it is no JSON (half-written, perhaps)") from None
    if not isinstance(found, dict) or "kaimon" not in found:
        raise NotAnnouncedError("it is not of our form")
    if _whole(found, "kaimon", 0, _MOST_PID) != FORM:
        raise NotAnnouncedError(f"it is of form {found['kaimon']}; this kaimond reads {FORM}")
    announced = Announcement(
        key=_text(found, "key", _NAME_OF_KEY),
        pid=_whole(found, "pid", 2, _MOST_PID),
        start=_text(found, "start", _START),
        boot=_text(found, "boot", _HEX),
        nonce=_text(found, "nonce", _HEX),
        protocol=_whole(found, "protocol", 1, 10**6),
        gate=_line(found, "gate"),
        julia=_line(found, "julia"),
        project=_path(found, "project"),
        pwd=_line(found, "pwd"),
        name=_line(found, "name"),
        namespace=_line(found, "namespace"),
        allow_restart=_flag(found, "allow_restart"),
        allow_mirror=_flag(found, "allow_mirror"),
        restarting=_flag(found, "restarting"),
    )
    if announced.key != key:
        raise NotAnnouncedError(f"it is about {announced.key}, and not about {key} as its name is")
    if announced.protocol not in PROTOCOLS:
        raise NotAnnouncedError(
            f"its gate (Kaimon {announced.gate}) speaks protocol {announced.protocol}, and this "
            f"kaimond {PROTOCOLS[0]} to {PROTOCOLS[-1]}; update the older of the two"
        )
    return announced


def check_process(
    announced: Announcement,
    uid: int,
    start_of: Callable[[int], str | None],
    owner_of: Callable[[int], int | None],
) -> str:
    """Check that the announced process exists.

    Args:
        announced: the announcement.
        uid: the user's id.
        start_of: returns when a process started, None if it does not exist.
        owner_of: returns the user id of a process, None if it does not exist.

    Returns:
        When the process started.

    Raises:
        NotAnnouncedError: there is no such process.
    """
    start = start_of(announced.pid)
    if start is None:
        raise NotAnnouncedError(f"its process {announced.pid} is gone", stale=True)
    if announced.start and announced.start != start:
        raise NotAnnouncedError(
            f"its process {announced.pid} is gone, and another one has that number", stale=True
        )
    owner = owner_of(announced.pid)
    if owner != uid:
        raise NotAnnouncedError(f"process {announced.pid} is not yours (user {owner})")
    return start


def proves(announced: Announcement, pong: Message) -> bool:
    """Return whether the gate that answered is the announced one."""
    return (
        pong.get("session") == announced.key
        and pong.get("pid") == str(announced.pid)
        and pong.get("boot") == announced.boot
        and pong.get("nonce") == announced.nonce
        and pong.get("protocol") == str(announced.protocol)
    )


_NAME_OF_KEY: Final = re.compile(r"[0-9a-f]{8}")


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _whole(found: dict[str, Any], name: str, least: int, most: int) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise NotAnnouncedError(f"its field {name} is no number that can be")
    return value


def _text(found: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise NotAnnouncedError(f"its field {name} is missing or malformed")
    return value


def _line(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST or not _plain(value):
        raise NotAnnouncedError(f"its field {name} is missing or malformed")
    return value


def _plain(text: str) -> bool:
    # JSON can contain a lone surrogate, which cannot be written to our files.
    return text.isprintable() or not any(
        ord(character) < ord(" ") or 0xD800 <= ord(character) <= 0xDFFF or ord(character) == 0x7F  # noqa: PLR2004
        for character in text
    )


def _path(found: dict[str, Any], name: str) -> str:
    value = _line(found, name)
    if not value.startswith("/"):
        raise NotAnnouncedError(f"its field {name} is no absolute path")
    return value


def _flag(found: dict[str, Any], name: str) -> bool:
    value = found.get(name)
    if not isinstance(value, bool):
        raise NotAnnouncedError(f"its field {name} is missing or malformed")
    return value

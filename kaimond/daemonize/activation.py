"""A listening socket that the service manager has made before it started the daemon.

By the protocol of sd_listen_fds(3): descriptors from 3 on, as many as ``LISTEN_FDS`` says, meant
for the process ``LISTEN_PID``. The manager keeps its own copy, so clients wait in the backlog while
no daemon runs, and whoever connects first starts one. The variables stay as they are: after an
upgrade in place they tell the successor, which has the same pid, whose socket it serves.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
from typing import TYPE_CHECKING, Final

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping
    from pathlib import Path

_log = logging.getLogger("kaimond.daemon")

FIRST: Final = 3
"""The first descriptor that a manager passes."""


class ActivationError(KaimonError):
    """What the service manager has passed is not our socket; the message says what to do."""


def passed(environ: Mapping[str, str], pid: int) -> int:
    """How many descriptors the manager has passed to the process ``pid``."""
    number = environ.get("LISTEN_FDS", "")
    return int(number) if environ.get("LISTEN_PID") == str(pid) and number.isdecimal() else 0


def take(
    environ: MutableMapping[str, str], pid: int, path: Path, first: int = FIRST
) -> socket.socket | None:
    """The listening socket at ``path`` if the manager has passed one. The caller holds the lock.

    Args:
        environ: of the process; it forgets what was passed if that cannot be used.
        pid: of the process.
        path: where clients look for the daemon.
        first: the first descriptor.

    Raises:
        ActivationError: only other sockets were passed.
    """
    number = passed(environ, pid)
    if not number:
        return None
    found = None
    others = []
    for sock, name in _sockets(range(first, first + number)):
        if found is None and name == str(path):
            found = sock
        else:
            others.append(name)
            sock.close()
    if found is None:
        raise ActivationError(
            f"the service manager has passed {', '.join(others) or 'no socket'}, and clients look "
            f"for {path}. Nothing was started. Correct ListenStream in kaimond.socket, or have "
            "`kaimonctl service install` write it."
        )
    found.setblocking(False)
    if _answers(path):
        return found
    # A daemon that somebody started by hand has taken the path and is gone.
    _log.warning("the service manager's socket has lost its path; a new one is made")
    found.close()
    del environ["LISTEN_PID"]
    return None


def _sockets(descriptors: range) -> Iterator[tuple[socket.socket, str]]:
    """The sockets among the descriptors, kept from our children, with the names they have."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            sock = socket.socket(fileno=descriptor)
            yield sock, str(sock.getsockname())


def _answers(path: Path) -> bool:
    """Whether something listens at ``path``; a full backlog does, too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True

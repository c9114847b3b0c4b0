"""A listening socket that the service manager made before it started the daemon.

The protocol is that of sd_listen_fds(3): descriptors from 3 on, as many as ``LISTEN_FDS`` says, for
the process ``LISTEN_PID``. The manager keeps its own copy, so clients wait in the backlog while
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
    """An error about passed sockets of which none is ours; the message says what to do."""


def passed(environ: Mapping[str, str], pid: int) -> int:
    """Return how many descriptors the manager has passed to the process ``pid``."""
    number = environ.get("LISTEN_FDS", "")
    return int(number) if environ.get("LISTEN_PID") == str(pid) and number.isdecimal() else 0


def take(
    environ: MutableMapping[str, str], pid: int, path: Path, first: int = FIRST
) -> socket.socket | None:
    """Return the listening socket at ``path`` if the manager passed it. The caller holds the lock.

    Args:
        environ: the process's environment; ``LISTEN_PID`` is removed if the socket is unusable.
        pid: the process's id.
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
    # A daemon that somebody started by hand took the path and has ended since.
    _log.warning("the service manager's socket has lost its path; a new one is made")
    found.close()
    del environ["LISTEN_PID"]
    return None


def _sockets(descriptors: range) -> Iterator[tuple[socket.socket, str]]:
    """Yield the sockets among the descriptors with their names; children do not inherit them."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            sock = socket.socket(fileno=descriptor)
            yield sock, str(sock.getsockname())


def _answers(path: Path) -> bool:
    """Return whether something listens at ``path``; a full backlog counts as well."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True

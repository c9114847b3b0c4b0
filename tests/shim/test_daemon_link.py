"""The shim's way to the daemon."""

from __future__ import annotations

import fcntl
import socket
from typing import TYPE_CHECKING

from kaimond import runtime
from kaimond.shim.daemon_link import DaemonLink

if TYPE_CHECKING:
    from pathlib import Path


def test_a_client_that_wants_nothing_leaves_a_service_managers_socket_alone(
    directory: Path,
) -> None:
    link = DaemonLink(str(directory), "agent")
    with (
        socket.socket(socket.AF_UNIX) as managers,
        (directory / runtime.DAEMON_LOCK).open("w") as lock,
    ):
        managers.bind(str(directory / runtime.CONTROL_SOCKET))
        managers.listen(8)
        assert link.tick(100.0, wanted=False), "a client that begins will want something"
        link.lose(100.0)
        assert not link.tick(100.1, wanted=False)
        assert not link.sock

        # A daemon that is starting, or ending, has the lock and no announcement.
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not link.tick(110.0, wanted=False)
        (directory / runtime.PID_FILE).touch()
        assert link.tick(120.0, wanted=False), "a daemon that is there is nobody's trouble"
        link.lose(120.0)
        fcntl.flock(lock, fcntl.LOCK_UN)

        assert not link.tick(130.0, wanted=False)
        assert link.tick(140.0, wanted=True)
        link.close()

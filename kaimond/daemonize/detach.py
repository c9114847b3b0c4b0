"""``kaimond --detach``: go into the background, and report whether the daemon started.

The process that a person or a shim started waits until the daemon says that it is ready or why it
is not, so its exit code is the answer. python-daemon does the detaching. Its defaults are made for
init scripts (umask 0, no core files, every descriptor closed), so every argument is given.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_READY = b"ready"
_OF_A_MANAGER: Final = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)


class Readiness:
    """The daemon's channel to whoever started it, for reporting how the start went."""

    def __init__(self, pipe: int | None = None) -> None:
        self._pipe = pipe

    def ready(self) -> None:
        """Report that the daemon answers from now on."""
        self._tell(_READY)

    def failed(self, message: str) -> None:
        """Report that the daemon does not run; ``message`` is for people."""
        if self._pipe is None:
            sys.stderr.write(f"kaimond: {message}\n")
        self._tell(message.encode("utf-8", "backslashreplace"))

    def _tell(self, message: bytes) -> None:
        if self._pipe is not None:
            # Whoever waited may have gone; the daemon is there for others as well.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, message)
            os.close(self._pipe)
            self._pipe = None


def detach(keep: Sequence[int]) -> Readiness:
    """Continue in the background; the calling process ends here, in `SystemExit`.

    Must run before there are threads or an event loop, which do not survive a fork.

    Args:
        keep: descriptors that the daemon goes on using.
    """
    import daemon  # noqa: PLC0415 - only here, so that the arguments are known without packages

    hear, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(hear, "rb") as pipe:
            said = pipe.read()
        if said == _READY:
            raise SystemExit(0)
        message = said.decode("utf-8", "replace") or "the daemon ended before it was ready"
        sys.stderr.write(f"kaimond: {message}\n")
        raise SystemExit(1)
    os.close(hear)
    for name in _OF_A_MANAGER:
        # These concern whoever started us: an MCP client may itself be a service.
        os.environ.pop(name, None)
    daemon.DaemonContext(
        detach_process=True,
        umask=0o077,
        working_directory=str(Path.home()),
        files_preserve=[*keep, tell],
        prevent_core=False,
        # The event loop sets its own handlers; python-daemon's would end the process at SIGTERM.
        signal_map={},
        stdin=None,
        stdout=None,
        stderr=None,
    ).open()
    for descriptor in (0, 1, 2):
        # python-daemon opens them for this program only. Without them the next one, executed in
        # its place by an upgrade, would have no stderr, and files of its own as 1 and 2.
        os.set_inheritable(descriptor, True)
    return Readiness(tell)

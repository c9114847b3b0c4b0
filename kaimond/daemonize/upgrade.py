"""An upgrade in place: the daemon executes the installed kaimond anew and keeps its sessions."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final

from kaimond.errors import ErrorKind, SessionError

if TYPE_CHECKING:
    from kaimond.core import Core

_log = logging.getLogger("kaimond.daemon")

_CHECK_TIMEOUT: Final = 60.0


async def begin(core: Core) -> str:
    """Check that the installed kaimond can start and, if so, make way for it.

    A caller that comes while a check is under way shares it. A second check would still run when
    this program is replaced, and nobody would wait for its process then.

    Returns:
        The version that takes over.

    Raises:
        SessionError: it cannot start; this daemon goes on.
    """
    if core.upgrade is None or (core.upgrade.done() and not core.reloading):
        core.upgrade = asyncio.create_task(_check(), name="upgrade")
    version = await asyncio.shield(core.upgrade)
    # Here and not in the task: the caller continues without a break and writes its answer before
    # the daemon begins to close connections.
    core.reloading = True
    core.stopping.set()
    return version


async def _check() -> str:
    """Have the installed kaimond load itself; return its version."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "kaimond.daemon",
        "--check",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            said, complaint = await process.communicate()
    except TimeoutError:
        process.kill()
        said, complaint = b"", b"it did not end within %d s" % _CHECK_TIMEOUT
        await process.wait()
    if process.returncode != 0:
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        _log.error("not reloaded: %s", lines[-1])
        raise SessionError(
            ErrorKind.NOT_RELOADED,
            "kaimond was not reloaded and goes on as it is: the installed version cannot start: "
            f"{lines[-1]}",
        )
    return said.decode().strip()

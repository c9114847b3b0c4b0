"""version: the versions of the running daemon."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any, Final

import zmq

from kaimond import __version__, wire
from kaimond.control.command import Command, Params

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, _params: Params) -> dict[str, Any]:
    """Report the versions of kaimond, Python and the protocol."""
    return {
        "version": __version__,
        "protocol": wire.PROTOCOL,
        "pid": os.getpid(),
        "instance": core.instance,
        "python": platform.python_version(),
        "libzmq": zmq.zmq_version(),
    }


COMMAND: Final = Command("version", Params, run)

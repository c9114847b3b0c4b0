"""What a client is told of an error, and what the log is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kaimond.failure import told

if TYPE_CHECKING:
    from kaimond.core import Core
    from kaimond.failure import Failure

_log = logging.getLogger("kaimond.mcp")


def reported(core: Core, what: str, error: Exception) -> Failure:
    """Write an error to the log; return what the client is told of it.

    Args:
        core: the daemon.
        what: what could not be done, as the subject of a sentence.
        error: any exception that is being handled.
    """
    failure = told(error, what, "ping", core.paths.server_log)
    if failure.logged:
        _log.exception("%s failed", what)
    else:
        _log.info("%s refused: %s", what, failure.message.splitlines()[0])
    return failure

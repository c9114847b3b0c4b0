"""``kaimon-mcp``: the process that an MCP client starts.

It passes lines between the client's stdio and the daemon's control socket, has the daemon started
if none runs, and never ends while its client lives, because most clients do not restart a dead
server. `requests` knows which requests are unanswered, without any input or output; `daemon_link`
finds, starts and greets the daemon; `pump` moves the bytes; `offline` words the answers that are
given when there is no daemon.

Standard library only, and little of it: a client waits for this process each time it starts.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Serve the client on stdin and stdout until it is gone; return the exit code."""
    if len(sys.argv) > 1:
        return _tell(sys.argv[1:])
    try:
        os.fstat(0)
        os.fstat(1)
    except OSError:
        # Without both there is no client, and our socket would get the free descriptor.
        return 0
    try:
        from kaimond.shim import pump  # noqa: PLC0415 - not needed for --version

        return pump.serve()
    except KeyboardInterrupt:
        return 0


def _tell(arguments: list[str]) -> int:
    from kaimond import __version__  # noqa: PLC0415 - a path that no client waits for

    if arguments == ["--version"]:
        sys.stdout.write(f"kaimon-mcp {__version__}\nPart of kaimond {__version__}.\n")
        return 0
    usage = (
        "usage: kaimon-mcp   (MCP clients start it; it speaks MCP on stdin and stdout)\n"
        "options: --help, --version; the daemon is looked after with `kaimonctl`.\n"
    )
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(usage)
        return 0
    sys.stderr.write(f"kaimon-mcp: unknown arguments: {' '.join(arguments)}\n{usage}")
    return 2

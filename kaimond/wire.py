"""The protocol of the control socket: lines of JSON, and each side's first line.

Every connection begins with a *hello* from the client and a *welcome* from the daemon. After that
the role decides: ``mcp`` speaks MCP exactly as on stdio, the others speak JSON-RPC 2.0 with methods
named as the ``kaimonctl`` commands. `PROTOCOL` counts changes of this protocol, independently of
the package's version. Both sides ignore unknown keys, so adding one needs no new number.

Each side speaks the newest number and the one before it. A client begins with its newest; a daemon
that does not know that one says which it knows, and the client says hello again with one that both
know. If there is none, both sides' messages name both versions and the cure.

The shim imports this module, and users wait while it starts: ``json`` is the only import.
"""

from __future__ import annotations

import json
import os

from kaimond import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

PROTOCOL: Final = 1
"""The newest protocol number that we speak."""

MAX_LINE: Final = 16 * 2**20
"""Longest line in bytes, in either direction; 16 MiB is far above any real request or answer."""

MAX_HELLO: Final = 64 * 2**10
ROLES: Final = ("mcp", "ctl", "tui")

CLIENT_VARIABLES: Final = (
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDECODE",
    "CODEX_HOME",
    "CURSOR_TRACE_ID",
    "GEMINI_CLI",
    "TERM_PROGRAM",
    "VSCODE_PID",
)
"""Variables that show which client and project an agent works for. No others are sent."""


class WireError(Exception):
    """An error about a side that broke the rules of the control socket.

    Attributes:
        code: the kind of error, for programs: ``not-json``, ``hello``, ``protocol``,
            ``line-too-long`` or one that the daemon sent.
        message: a sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SkewError(WireError):
    """An error about a daemon that does not speak the protocol number of the hello.

    Attributes:
        common: the newest number that both sides speak; 0 if there is none.
        pid: the daemon's process id; 0 if it did not say.
    """

    def __init__(self, message: str, common: int, pid: int) -> None:
        super().__init__("protocol", message)
        self.common = common
        self.pid = pid


class Side:
    """One end of the socket: its package version and the protocol numbers that it speaks."""

    __slots__ = ("newest", "oldest", "version")

    def __init__(self, version: str, oldest: int, newest: int) -> None:
        self.version = version
        self.oldest = oldest
        self.newest = newest

    def __str__(self) -> str:
        numbers = (
            f"{self.newest}" if self.oldest == self.newest else f"{self.oldest} and {self.newest}"
        )
        return f"{self.version} (protocol {numbers})"


def ours() -> Side:
    """Return this end."""
    return Side(__version__, max(1, PROTOCOL - 1), PROTOCOL)


def skew_words(role: str, client: Side, daemon: Side) -> str:
    """Return the message that the two sides cannot work together, with the cure.

    Args:
        role: the client's role.
        client: the client's end.
        daemon: the daemon's end.
    """
    name = "kaimon-mcp" if role == "mcp" else "kaimonctl"
    if client.newest > daemon.newest:
        old = "that kaimond is too old"
        cure = (
            "Run `kaimonctl reload`: the kaimond that is installed now takes over, and Julia "
            "sessions go on."
        )
    elif role == "mcp":
        old = "this kaimon-mcp is too old"
        cure = (
            "Restart your MCP client, so that it starts the kaimon-mcp that is installed now. If "
            "that changes nothing, `kaimonctl mcp list` shows which one it starts."
        )
    else:
        old = "this kaimonctl is too old"
        cure = "Use the kaimonctl that was installed with that kaimond, or install kaimond anew."
    return f"kaimond {daemon} runs, and this is {name} {client}: {old}. {cure}"


def encode(message: Mapping[str, Any]) -> bytes:
    """Encode a message as one line.

    A path may hold bytes that are not UTF-8, which Python represents as lone surrogates; those are
    written as JSON escapes.
    """
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the message in one line.

    Raises:
        WireError: it is not a JSON object.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise WireError("not-json", "a line that is not JSON was refused") from None
    if not isinstance(message, dict):
        raise WireError("not-json", "a line that is not a JSON object was refused")
    return message


def hello(
    role: str,
    *,
    protocol: int = 0,
    agent: str = "",
    replay: Sequence[str | int] = (),
    cancelled: Sequence[str | int] = (),
) -> bytes:
    """Return the first line of a client that is this process.

    Args:
        role: one of `ROLES`.
        protocol: the number to speak; `PROTOCOL` unless the daemon is known not to speak it.
        agent: random name of the shim's process; the same after a reconnection.
        replay: ids of requests that the client sends again because it has no answer.
        cancelled: ids of earlier requests that it has cancelled, perhaps unknown to the daemon.
    """
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = ""
    message: dict[str, Any] = {
        "kaimon": protocol or PROTOCOL,
        "version": __version__,
        "role": role,
        "pid": os.getpid(),
        "cwd": cwd,
        "env": {name: os.environ[name] for name in CLIENT_VARIABLES if name in os.environ},
    }
    if agent:
        message["agent"] = agent
    if replay:
        message["replay"] = list(replay)
    if cancelled:
        message["cancelled"] = list(cancelled)
    return encode(message)


def read_welcome(line: bytes, role: str) -> str:
    """Check the daemon's first line and return the daemon's version.

    Args:
        line: the line that the daemon sent.
        role: the role that our hello named.

    Raises:
        SkewError: the daemon does not speak the protocol of our hello.
        WireError: the daemon refused for another reason, or is not a Kaimon daemon.
    """
    message = decode(line)
    if message.get("ok") is True and isinstance(message.get("version"), str):
        return str(message["version"])
    error = message.get("error")
    if isinstance(error, dict):
        if error.get("code") == "protocol":
            raise _skew(message, str(error.get("message", "refused")), role)
        raise WireError(str(error.get("code", "refused")), str(error.get("message", "refused")))
    raise WireError("hello", "what answers on the control socket is not kaimond")


def _skew(message: Mapping[str, Any], words: str, role: str) -> SkewError:
    newest, oldest, pid = (message.get(key) for key in ("kaimon", "oldest", "pid"))
    us = ours()
    common = 0
    # Without these numbers, the daemon's own message is all that there is to show.
    if type(newest) is int and type(oldest) is int:
        words = skew_words(role, us, Side(str(message.get("version")), oldest, newest))
        both = min(newest, us.newest)
        common = both if both >= max(oldest, us.oldest, 1) else 0
    return SkewError(words, common, pid if type(pid) is int and pid > 0 else 0)


class LineSplitter:
    """A splitter that cuts a stream of bytes into lines of at most `limit` bytes."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes; return the lines that are complete now, without their newlines.

        Raises:
            WireError: with code ``line-too-long``. The stream is then of no further use, because
                nobody knows where the next line begins.
        """
        *complete, rest = data.split(b"\n")
        lines: list[bytes] = []
        for piece in complete:
            self._grow(piece)
            lines.append(b"".join(self._parts))
            self._parts.clear()
            self._length = 0
        if rest:
            self._grow(rest)
        return lines

    def _grow(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._length += len(piece)
        if self._length > self.limit:
            raise WireError("line-too-long", f"a line of more than {self.limit} bytes was refused")

"""The daemon's reading of a client's first line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kaimond import __version__, wire

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPPORTED: Final = range(1, wire.PROTOCOL + 1)
"""Protocol numbers that this daemon serves."""


@dataclass(frozen=True)
class Hello:
    """Who connects.

    Attributes:
        role: one of `wire.ROLES`.
        version: the client's package version.
        pid: the client's process, as it says itself.
        cwd: the client's working directory, a hint for the agent's project.
        agent: random name of the shim's process; the same after a reconnection.
        replay: ids of requests that the client sends again because it has no answer.
        environment: those of `wire.CLIENT_VARIABLES` that are set.
    """

    role: str
    version: str
    pid: int
    cwd: str = ""
    agent: str = ""
    replay: tuple[str | int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def read_hello(line: bytes) -> Hello:
    """Check a client's first line.

    Raises:
        wire.WireError: with code ``protocol`` if the versions cannot work together, with another
            code if the line is no hello at all.
    """
    if len(line) > wire.MAX_HELLO:
        raise wire.WireError("hello", f"a hello of more than {wire.MAX_HELLO} bytes was refused")
    message = wire.decode(line)
    protocol, version = message.get("kaimon"), message.get("version")
    if not isinstance(protocol, int) or isinstance(protocol, bool):
        raise wire.WireError(
            "hello", "the first line must be a hello of the Kaimon control protocol"
        )
    if protocol not in SUPPORTED:
        raise wire.WireError("protocol", _skew(protocol, version))
    role = message.get("role")
    if role not in wire.ROLES:
        known = ", ".join(wire.ROLES)
        raise wire.WireError("hello", f"unknown role {role!r}; known roles: {known}")
    environment = _typed(message, "env", dict, {})
    replay = _typed(message, "replay", list, [])
    if not all(isinstance(item, str | int) for item in replay):
        raise wire.WireError("hello", "`replay` in the hello must list request ids")
    return Hello(
        role=role,
        version=_typed(message, "version", str),
        pid=_typed(message, "pid", int),
        cwd=_typed(message, "cwd", str, ""),
        agent=_typed(message, "agent", str, ""),
        replay=tuple(replay),
        environment={
            name: str(environment[name]) for name in wire.CLIENT_VARIABLES if name in environment
        },
    )


def _typed(message: dict[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = message.get(key, default)
    if not isinstance(value, kind):
        raise wire.WireError("hello", f"`{key}` in the hello must be of type {kind.__name__}")
    return value


def _skew(protocol: int, version: object) -> str:
    if protocol < wire.PROTOCOL:
        old = "the client is too old"
        cure = "restart your MCP client, or reinstall kaimond where it finds kaimon-mcp"
    else:
        old = "the daemon is too old"
        cure = "end the old daemon with `kaimonctl stop`; the next call starts the new one"
    return (
        f"kaimond {__version__} (protocol {wire.PROTOCOL}) and this client {version} "
        f"(protocol {protocol}) cannot work together: {old}. To cure it, {cure}."
    )


def welcome() -> bytes:
    """The daemon's first line to a client that it accepts."""
    return wire.encode({"kaimon": wire.PROTOCOL, "version": __version__, "ok": True})


def refusal(code: str, message: str) -> bytes:
    """The daemon's only line to a client that it refuses."""
    return wire.encode(
        {
            "kaimon": wire.PROTOCOL,
            "version": __version__,
            "ok": False,
            "error": {"code": code, "message": message},
        }
    )

"""The client's first line, as the daemon reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kaimond import __version__, wire

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Hello:
    """What a client says about itself when it connects.

    Attributes:
        role: one of `wire.ROLES`.
        protocol: the protocol number that is spoken from here on.
        version: the client's package version.
        pid: the client's process id, by its own account.
        cwd: the client's working directory, a hint for the agent's project.
        agent: random name of the shim's process; the same after a reconnection.
        replay: ids of requests that the client sends again because it has no answer.
        cancelled: ids of earlier requests that it has cancelled, perhaps unknown to us.
        environment: those of `wire.CLIENT_VARIABLES` that are set.
    """

    role: str
    protocol: int
    version: str
    pid: int
    cwd: str = ""
    agent: str = ""
    replay: tuple[str | int, ...] = ()
    cancelled: tuple[str | int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def read_hello(line: bytes) -> Hello:
    """Parse and check a client's first line.

    Raises:
        wire.WireError: with code ``protocol`` if the versions cannot work together, with another
            code if the line is not a hello.
    """
    if len(line) > wire.MAX_HELLO:
        raise wire.WireError("hello", f"a hello of more than {wire.MAX_HELLO} bytes was refused")
    message = wire.decode(line)
    protocol, version = message.get("kaimon"), message.get("version")
    if not isinstance(protocol, int) or isinstance(protocol, bool):
        raise wire.WireError(
            "hello", "the first line must be a hello of the Kaimon control protocol"
        )
    role, us = message.get("role"), wire.ours()
    if not us.oldest <= protocol <= us.newest:
        client = wire.Side(str(version), protocol, protocol)
        raise wire.WireError("protocol", wire.skew_words(str(role), client, us))
    if role not in wire.ROLES:
        known = ", ".join(wire.ROLES)
        raise wire.WireError("hello", f"unknown role {role!r}; known roles: {known}")
    environment = _typed(message, "env", dict, {})
    return Hello(
        role=role,
        protocol=protocol,
        version=_typed(message, "version", str),
        pid=_typed(message, "pid", int),
        cwd=_typed(message, "cwd", str, ""),
        agent=_typed(message, "agent", str, ""),
        replay=_requests(message, "replay"),
        cancelled=_requests(message, "cancelled"),
        environment={
            name: str(environment[name]) for name in wire.CLIENT_VARIABLES if name in environment
        },
    )


def _typed(message: dict[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = message.get(key, default)
    if not isinstance(value, kind):
        raise wire.WireError("hello", f"`{key}` in the hello must be of type {kind.__name__}")
    return value


def _requests(message: dict[str, Any], key: str) -> tuple[str | int, ...]:
    ids = _typed(message, key, list, [])
    if not all(isinstance(item, str | int) for item in ids):
        raise wire.WireError("hello", f"`{key}` in the hello must list request ids")
    return tuple(ids)


def welcome() -> bytes:
    """Return the daemon's first line to a client that it accepts."""
    return wire.encode({**_us(), "ok": True})


def refusal(code: str, message: str) -> bytes:
    """Return the daemon's only line to a client that it refuses."""
    return wire.encode({**_us(), "ok": False, "error": {"code": code, "message": message}})


def _us() -> dict[str, Any]:
    us = wire.ours()
    return {"kaimon": us.newest, "oldest": us.oldest, "version": __version__, "pid": os.getpid()}

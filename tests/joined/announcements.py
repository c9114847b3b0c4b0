"""Announcements for tests: a true one, and ways to spoil it."""

from __future__ import annotations

import json
from typing import Any

KEY = "a3f8b2c1"


def true(**changes: Any) -> dict[str, Any]:
    """What a gate would write."""
    return {
        "kaimon": 1,
        "key": KEY,
        "pid": 4242,
        "start": "123456",
        "boot": "b0" * 16,
        "nonce": "0123456789abcdef",
        "protocol": 1,
        "gate": "0.1.0",
        "julia": "1.11.2",
        "project": "/home/ada/MyPkg",
        "pwd": "/home/ada",
        "name": "",
        "namespace": "",
        "allow_restart": True,
        "allow_mirror": True,
        "restarting": False,
    } | changes


def text(**changes: Any) -> bytes:
    """The same as a file's content."""
    return (json.dumps(true(**changes)) + "\n").encode()

"""A request of the client."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

LISTEN: Final = "subscriptions/listen"
UNAVAILABLE: Final = -32000


class Request:
    """A request of the client that has no answer yet.

    Attributes:
        id: its id, a string or an integer.
        method: its method.
        line: the line as the client sent it.
        sent: whether any connection has got it, so that it may have been acted on.
        replays: how many further connections have got it.
    """

    __slots__ = ("id", "line", "method", "replays", "sent")

    def __init__(self, ident: str | int, method: str, line: bytes) -> None:
        self.id = ident
        self.method = method
        self.line = line
        self.sent = False
        self.replays = 0

    @property
    def standing(self) -> bool:
        """Whether it is an active subscription: nobody waits for its answer."""
        return self.method == LISTEN and self.sent


def encode(message: Mapping[str, Any]) -> bytes:
    """Encode a message as one line, without newline."""
    return json.dumps(message, separators=(",", ":")).encode()

"""The format of messages to and from a gate.

Frames are plain bytes: ``[request id][verb]`` and then pairs of name and value. Unlike with JSON or
Julia's serialization, all versions of both sides can read them, and any bytes can be passed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROTOCOL: Final = 1
"""The gate protocol of this version; `Kaimon.jl` has the same number."""

PROTOCOLS: Final = range(max(1, PROTOCOL - 1), PROTOCOL + 1)
"""The protocols this daemon speaks; the previous one is included, as sessions survive upgrades."""

_HEAD: Final = 2


class FrameError(KaimonError):
    """A gate's message is malformed."""


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes:
        request: id that links an answer to its request.
        verb: the kind of message.
        fields: names and values in order; names may repeat.
    """

    request: str
    verb: str
    fields: tuple[tuple[str, bytes], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field as text; invalid UTF-8 becomes U+FFFD."""
        for key, value in self.fields:
            if key == name:
                return value.decode("utf-8", "replace")
        return default

    def number(self, name: str) -> float:
        """Return the first value of a field as a finite number; 0 if there is none."""
        try:
            number = float(self.get(name, "0"))
        except ValueError:
            return 0.0
        return number if math.isfinite(number) else 0.0


def is_utf_8(text: str) -> bool:
    """Return whether a text can be passed, as it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode(request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()) -> list[bytes]:
    """Return the frames of a message.

    Raises:
        UnicodeEncodeError: a text holds half of a surrogate pair.
    """
    frames = [request.encode(), verb.encode()]
    for name, value in fields:
        frames.append(name.encode())
        frames.append(value if isinstance(value, bytes) else value.encode())
    return frames


def decode(frames: Sequence[bytes]) -> Message:
    """Return the message in these frames.

    Raises:
        FrameError: the frames are malformed.
    """
    if len(frames) < _HEAD or len(frames) % 2:
        raise FrameError(f"a message of {len(frames)} frames")
    try:
        request, verb, *names = (frame.decode() for frame in (frames[0], frames[1], *frames[2::2]))
    except UnicodeDecodeError:
        raise FrameError("a name that is not UTF-8") from None
    return Message(request, verb, tuple(zip(names, frames[3::2], strict=True)))

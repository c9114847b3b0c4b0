"""What a message to or from a gate looks like.

Frames are plain bytes: ``[request id][verb]`` and then pairs of name and value. Neither JSON nor
Julia's serialization: both sides can read any version of it, and bytes that are not UTF-8 pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROTOCOL: Final = 1
"""The gate protocol of this version; the gate has the same number in `Kaimon.jl`."""

PROTOCOLS: Final = range(max(1, PROTOCOL - 1), PROTOCOL + 1)
"""Numbers that this daemon speaks: sessions outlive an upgrade by one."""

_HEAD: Final = 2


class FrameError(KaimonError):
    """A message from a gate that is not of the agreed form."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        request: id that ties an answer to its request.
        verb: what it is.
        fields: names and values in order; names may repeat.
    """

    request: str
    verb: str
    fields: tuple[tuple[str, bytes], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field as text; bytes that are no UTF-8 become U+FFFD."""
        for key, value in self.fields:
            if key == name:
                return value.decode("utf-8", "replace")
        return default

    def number(self, name: str) -> float:
        """The first value of a field as a finite number, 0 if it is missing or none."""
        try:
            number = float(self.get(name, "0"))
        except ValueError:
            return 0.0
        return number if math.isfinite(number) else 0.0


def encode(request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()) -> list[bytes]:
    """The frames of one message."""
    frames = [request.encode(), verb.encode()]
    for name, value in fields:
        frames.append(name.encode())
        frames.append(value if isinstance(value, bytes) else value.encode())
    return frames


def decode(frames: Sequence[bytes]) -> Message:
    """The message in these frames.

    Raises:
        FrameError: they are not of the agreed form.
    """
    if len(frames) < _HEAD or len(frames) % 2:
        raise FrameError(f"a message of {len(frames)} frames")
    try:
        request, verb, *names = (frame.decode() for frame in (frames[0], frames[1], *frames[2::2]))
    except UnicodeDecodeError:
        raise FrameError("a name that is not UTF-8") from None
    return Message(request, verb, tuple(zip(names, frames[3::2], strict=True)))

"""What a running eval tells of itself besides its output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaimond.gate.frames import Message

STASH: Final = "stash:"


@dataclass
class Notes:
    """The notes of one eval, as far as they have arrived.

    Attributes:
        stash: texts of stashed values by name, each name in the order of its first time.
        progress: its last word of progress.
        watches: whether its code asks by itself if it is to end.
    """

    stash: dict[str, bytes] = field(default_factory=dict)
    progress: str = ""
    watches: bool = False

    def take(self, message: Message) -> None:
        """Take in what the gate says of the eval."""
        for name, value in message.fields:
            if name.startswith(STASH):
                self.stash[name.removeprefix(STASH)] = value
            elif name == "progress":
                self.progress = value.decode("utf-8", "replace")
            elif name == "watches":
                self.watches = True

    def parts(self) -> tuple[tuple[str, bytes], ...]:
        """What is kept of them when the eval has ended."""
        return tuple((STASH + name, value) for name, value in self.stash.items())

"""What a running eval reports besides its output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaimond.gate.frames import Message

STASH: Final = "stash:"


@dataclass
class Notes:
    """The notes of one eval that have arrived so far.

    Attributes:
        stash: stashed values as text by name, in the order in which the names were first used.
        progress: the last progress message.
        watches: whether the code itself checks if it should end.
    """

    stash: dict[str, bytes] = field(default_factory=dict)
    progress: str = ""
    watches: bool = False

    def take(self, message: Message) -> None:
        """Update the notes from a gate message."""
        for name, value in message.fields:
            if name.startswith(STASH):
                self.stash[name.removeprefix(STASH)] = value
            elif name == "progress":
                self.progress = value.decode("utf-8", "replace")
            elif name == "watches":
                self.watches = True

    def parts(self) -> tuple[tuple[str, bytes], ...]:
        """Return the notes that are kept after the eval has ended."""
        return tuple((STASH + name, value) for name, value in self.stash.items())

"""What a system tells of a thread."""

from __future__ import annotations

from typing import NamedTuple


class Thread(NamedTuple):
    """A thread at one moment.

    Attributes:
        computed: seconds of CPU time that it has used.
        sleeps: whether it waits for something just now.
        waits: how many times it has waited, for events, a lock, a disk or a debugger.
    """

    computed: float
    sleeps: bool
    waits: int

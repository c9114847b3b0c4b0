"""What a system reports about a thread."""

from __future__ import annotations

from typing import NamedTuple


class Thread(NamedTuple):
    """A thread at one moment.

    Attributes:
        computed: the CPU time that it has used, in seconds.
        sleeps: whether it waits for something at that moment.
        waits: how many times it has waited, for events, a lock, a disk or a debugger.
    """

    computed: float
    sleeps: bool
    waits: int

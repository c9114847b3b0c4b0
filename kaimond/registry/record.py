"""What is remembered of one session."""

from __future__ import annotations

import dataclasses
import signal
from dataclasses import dataclass
from typing import Any, Final

from kaimond.registry.state import ENDED, State


@dataclass(frozen=True)
class ExitStatus:
    """How a process ended: by exit code, by signal, or (not our child) unknown.

    Attributes:
        code: what the process returned, or None.
        signal: number of the signal that killed it, or None.
    """

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        """A phrase that follows "the process"."""
        if self.signal is not None:
            try:
                name = signal.Signals(self.signal).name
            except ValueError:
                name = f"signal {self.signal}"
            return f"was killed by {name}"
        if self.code is not None:
            return f"exited with code {self.code}"
        return "is gone (it was not our child, so its exit code is unknown)"


UNKNOWN: Final = ExitStatus()
"""Of a process that was not our child."""


@dataclass(frozen=True)
class Record:
    """One session, alive or not. Only the registry makes and changes records.

    Attributes:
        key: 8 hex characters, the session's name for ever.
        project: resolved directory of the project.
        name: tells sessions of one project apart; "" for the usual one.
        state: where it is in its life.
        spawned_by: ``agent``, ``ctl`` or ``user``.
        created: when the key was born, seconds since the epoch; so are all times here.
        generation: 1 at the first start, +1 at each restart that was proved.
        proving: the generation that the next proof of a new process image makes it.
        nonce: given to the process image at its start; its gate repeats it. Empty while a process
            is being ended for a restart: no answer of it counts any more.
        boot_id: made by the process image itself; a new one proves a restart.
        pid: of the process, 0 before there is one.
        process_start: tells processes with one pid apart (see ``kaimond.platform``).
        plan: digest of how the process was started; a restart in place needs the same.
        julia: path of the Julia binary.
        julia_version: as the gate says.
        protocol: that the gate speaks; 0 if it is not known.
        gate: version of the gate.
        tainted: an eval was interrupted by force, maybe inside C code; a new image clears it.
        started: when the current process was spawned.
        ready: when the current process first answered.
        last_eval: when an eval of an agent or a person last ended; 0 if none has.
        ended: when it was proved to be gone; 0 while alive.
        ending: sentence that says how and why it ended.
        exit_code: of the process, if known.
        exit_signal: that killed the process, if any.
        last_output: the end of its output, kept when it ended.
        namespace: what the names of a joined session's own tools begin with.
        allow_restart: whether the person who started it lets agents restart it.
        allow_mirror: whether they let it show what agents evaluate.
    """

    key: str
    project: str
    name: str
    state: State
    spawned_by: str
    created: float
    generation: int = 1
    proving: int = 1
    nonce: str = ""
    boot_id: str = ""
    pid: int = 0
    process_start: str = ""
    plan: str = ""
    julia: str = ""
    julia_version: str = ""
    protocol: int = 0
    gate: str = ""
    tainted: bool = False
    started: float = 0.0
    ready: float = 0.0
    last_eval: float = 0.0
    ended: float = 0.0
    ending: str = ""
    exit_code: int | None = None
    exit_signal: int | None = None
    last_output: str = ""
    namespace: str = ""
    allow_restart: bool = True
    allow_mirror: bool = True

    @property
    def joined(self) -> bool:
        """Whether a person started its process; then it is asked for things and never made to."""
        return self.spawned_by == "user"

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDED

    @property
    def respawning(self) -> bool:
        """Whether a restart has ended the old process and the new one is not known yet."""
        return self.state is State.STARTING and self.proving > self.generation and not self.pid

    @property
    def title(self) -> str:
        """Short name for people: the project's folder, and the session's name if it has one."""
        folder = self.project.rstrip("/").rsplit("/", 1)[-1] or self.project
        return f"{folder}:{self.name}" if self.name else folder

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store."""
        # `asdict` would copy every value deeply.
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """The record that `to_json` wrote; fields that this version does not know are ignored.

        Raises:
            TypeError: a field without a default is missing.
            ValueError: the state is unknown.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["state"] = State(values["state"])
        return cls(**values)

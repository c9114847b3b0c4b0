"""The persistent record of one session."""

from __future__ import annotations

import dataclasses
import signal
from dataclasses import dataclass
from typing import Any, Final

from kaimond.registry.state import ENDED, State


@dataclass(frozen=True)
class ExitStatus:
    """How a process ended: with an exit code, by a signal, or unknown if it was not our child.

    Attributes:
        code: its exit code, or None.
        signal: number of the signal that killed it, or None.
    """

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        """Return a phrase that follows "the process"."""
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
"""The exit status of a process that was not our child."""


@dataclass(frozen=True)
class Record:
    """A session, alive or not. Only the registry creates and changes records.

    Attributes:
        key: 8 hex characters, the session's permanent key.
        project: the resolved project directory.
        name: distinguishes sessions of one project; "" for the usual one.
        state: the current state.
        spawned_by: ``agent``, ``ctl`` or ``user``.
        created: when the key was created; all times here are in seconds since the epoch.
        generation: 1 at the first start, +1 at each proved restart.
        proving: the generation that starts with the next proof of a new process image.
        nonce: given to the process image at its start and repeated by its gate. Empty while a
            process is being ended for a restart: none of its answers counts any more.
        boot_id: made by the process image itself; a new one proves a restart.
        pid: the process's pid, 0 before there is one.
        process_start: distinguishes processes with the same pid (see ``kaimond.platform``).
        plan: digest of how the process was started; a restart in place needs the same.
        julia: path of the Julia binary.
        julia_version: Julia's version, as reported by the gate.
        protocol: protocol that the gate speaks; 0 if unknown.
        gate: the gate's version.
        tainted: whether an eval was interrupted by force, maybe in C code; a new image clears it.
        started: when the current process was spawned.
        ready: when the current process first answered.
        last_eval: when an eval or a person's input last ended; 0 if none has.
        ended: when the process was proved to be gone; 0 while alive.
        ending: sentence that says how and why it ended.
        exit_code: exit code of the process, if known.
        exit_signal: signal that killed the process, if any.
        last_output: the end of its output, kept when it ended.
        namespace: prefix of a joined session's own tools.
        allow_restart: whether the person who started it lets agents restart it.
        allow_mirror: whether that person lets it show what agents evaluate.
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
        """Whether a person started its process, which is then asked for things but never forced."""
        return self.spawned_by == "user"

    @property
    def alive(self) -> bool:
        """Whether the session has not ended."""
        return self.state not in ENDED

    @property
    def respawning(self) -> bool:
        """Whether a restart has ended the old process and the new one is not known yet."""
        return self.state is State.STARTING and self.proving > self.generation and not self.pid

    @property
    def title(self) -> str:
        """Short display name: the project's folder, and the session's name if it has one."""
        folder = self.project.rstrip("/").rsplit("/", 1)[-1] or self.project
        return f"{folder}:{self.name}" if self.name else folder

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the store."""
        # `asdict` would copy every value deeply.
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """Return the record that `to_json` wrote, ignoring fields unknown to this version.

        Raises:
            TypeError: a field without a default is missing.
            ValueError: the state is unknown.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["state"] = State(values["state"])
        return cls(**values)

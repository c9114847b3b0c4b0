"""Edits a package as editors and version control do, and says what must hold after each edit."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

NAME: Final = "EditedPkg"
UUID: Final = "8f1d0c2a-52f1-4b3c-9d55-4f6a1c0e7a11"
FILES: Final = ("a.jl", "b.jl", "inner.jl")
DELAYS: Final = (0.0, 0.0, 0.0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Seconds between an edit and the eval after it."""


@dataclass
class Step:
    """An edit.

    Attributes:
        kind: the kind of edit.
        delay: seconds to wait before the eval.
        values: the values of all functions once the edit is loaded.
        stale: whether the session cannot load it, so that answers must warn.
        during: makes the edit, to be called while an eval runs; None if it was made already.
    """

    kind: str
    delay: float
    values: tuple[int, ...]
    stale: bool
    during: Callable[[], None] | None = None


@dataclass
class EditedPackage:
    """A package with a function in each file, one of them in a submodule.

    Attributes:
        root: the package's directory.
        dice: the source of all randomness.
        state: by file, the value of its function in the newest text that was meant to parse.
        taken: by file, the value of its function when the last eval began.
        broken: files that currently do not parse.
    """

    root: Path
    dice: random.Random
    state: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FILES, 0))
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FILES, 0))
    broken: set[str] = field(default_factory=set)
    _windows: set[str] = field(default_factory=set)
    _counter: int = 0

    def create(self) -> None:
        """Write the package and its Project.toml."""
        (self.root / "src").mkdir(parents=True)
        project = f'name = "{NAME}"\nuuid = "{UUID}"\nversion = "0.1.0"\n'
        (self.root / "Project.toml").write_text(project)
        (self.root / "Manifest.toml").write_text("")
        (self.root / "src" / f"{NAME}.jl").write_text(
            f'module {NAME}\ninclude("a.jl")\ninclude("b.jl")\n'
            'module Inner\ninclude("inner.jl")\nend\n'
            "values() = (a(), b(), Inner.inner())\nend\n"
        )
        for name in FILES:
            self.path(name).write_bytes(self.text(name))

    def path(self, name: str) -> Path:
        return self.root / "src" / name

    def text(self, name: str, *, broken: bool = False) -> bytes:
        function = name.removesuffix(".jl")
        lines = [f"# {name}", f"{function}() = {self.state[name]:07d}"]
        lines += ["function (", ""] if broken else [""]
        end = "\r\n" if name in self._windows else "\n"
        return end.join(lines).encode()

    def values(self) -> tuple[int, ...]:
        """Return the values that an eval beginning now must show."""
        return tuple((self.taken if name in self.broken else self.state)[name] for name in FILES)

    def _evaluated(self) -> None:
        self.taken = dict(zip(FILES, self.values(), strict=True))

    def step(self) -> Step:
        """Make one edit, or return how to make it during an eval."""
        name = self.dice.choice(FILES)
        kind = self.dice.choice(list(_KINDS))
        during = _KINDS[kind](self, name)
        # The caller evaluates after the edit, or has begun to before it.
        self._evaluated()
        delay = self.dice.choice(DELAYS)
        return Step(kind, delay, self.values(), bool(self.broken), during)

    def mend(self) -> Step:
        """Repair all broken files; the caller evaluates next."""
        for name in FILES:
            self._in_place(name)
        self._evaluated()
        return Step("mend", 0.0, self.values(), stale=False)

    def _next(self, name: str) -> None:
        self._counter += 1
        self.state[name] = self._counter
        self.broken.discard(name)

    def _in_place(self, name: str) -> None:
        self._next(name)
        self.path(name).write_bytes(self.text(name))

    def _renamed_over(self, name: str) -> None:
        self._next(name)
        beside = self.path(f".{name}.tmp")
        beside.write_bytes(self.text(name))
        beside.replace(self.path(name))

    def _swapped(self, name: str) -> None:
        """Turn the old file into a backup and write the new one in its place."""
        self._next(name)
        backup = self.path(f"{name}~")
        self.path(name).replace(backup)
        self.path(name).write_bytes(self.text(name))
        backup.unlink()

    def _truncated_first(self, name: str) -> None:
        self._next(name)
        with self.path(name).open("wb") as file:
            for line in self.text(name).splitlines(keepends=True):
                file.write(line)
                file.flush()

    def _touched(self, name: str) -> None:
        os.utime(self.path(name))

    def _rewritten(self, name: str) -> None:
        content = self.path(name).read_bytes()
        self.path(name).write_bytes(content)

    def _reverted(self, name: str) -> None:
        before, content = self.state[name], self.path(name).read_bytes()
        was_broken = name in self.broken
        self._next(name)
        self.path(name).write_bytes(self.text(name))
        self.path(name).write_bytes(content)
        self.state[name] = before
        if was_broken:
            self.broken.add(name)

    def _twice(self, name: str) -> None:
        """Write two texts of equal size, with a file time as if there had been only one write."""
        self._in_place(name)
        first = self.path(name).stat()
        self._in_place(name)
        os.utime(self.path(name), ns=(first.st_atime_ns, first.st_mtime_ns))

    def _other_line_ends(self, name: str) -> None:
        self._windows ^= {name}
        self._in_place(name)

    def _broken(self, name: str) -> None:
        self.path(name).write_bytes(self.text(name, broken=True))
        self.broken.add(name)

    def _all_at_once(self, _name: str) -> None:
        for each in FILES:
            self._in_place(each)

    def _during(self, name: str) -> Callable[[], None]:
        return lambda: self._in_place(name)


_KINDS: Final[dict[str, Callable[[EditedPackage, str], Callable[[], None] | None]]] = {
    "in place": EditedPackage._in_place,
    "renamed over": EditedPackage._renamed_over,
    "swap file": EditedPackage._swapped,
    "line by line": EditedPackage._truncated_first,
    "touched": EditedPackage._touched,
    "written again": EditedPackage._rewritten,
    "edited and reverted": EditedPackage._reverted,
    "twice in one tick": EditedPackage._twice,
    "other line ends": EditedPackage._other_line_ends,
    "does not parse": EditedPackage._broken,
    "all files at once": EditedPackage._all_at_once,
    "during an eval": EditedPackage._during,
}


def verdict(step: Step, before: tuple[int, ...], before_stale: bool, answer: str) -> str:
    """Return what is wrong with the answer to the eval after or during a step, or "".

    Args:
        step: the step that was made.
        before: the values before it.
        before_stale: whether answers had to warn before it.
        answer: the whole text; its first line is the value.
    """
    during = step.during is not None
    wanted, stale = (before, before_stale) if during else (step.values, step.stale)
    shown = f"({', '.join(map(str, wanted))})"
    first = answer.splitlines()[0] if answer else ""
    if first != shown:
        return f"{step.kind}: {first} instead of {shown}"
    if stale != ("WARNING" in answer):
        return f"{step.kind}: {'no' if stale else 'a needless'} warning: {answer}"
    return ""

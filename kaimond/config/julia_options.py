"""How Julia is started for one project: the `launch_config` of its entry in projects.json."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from kaimond.config.problem import Problem, Rule, shown
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_THREADS: Final = re.compile(r"(?:auto|[1-9]\d{0,4})(?:,(?:auto|\d{1,5}))?")
_GC_THREADS: Final = re.compile(r"[1-9]\d{0,4}(?:,[01])?")
_HEAP_SIZE: Final = re.compile(r"\d{1,15}(?:\.\d{1,6})?[BKMGT%]?", re.IGNORECASE)
_TAKEN: Final = frozenset(
    {
        *("-e", "--eval", "-E", "--print", "-m", "--module", "--", "--project"),
        *("-v", "--version", "-h", "--help", "--help-hidden"),
    }
)
"""Flags that would end Julia at once, or replace the program or the project that we give it."""


class LaunchError(KaimonError):
    """Julia cannot be started as configured; the message names the key and the remedy."""


@dataclass(frozen=True, slots=True)
class LaunchConfig:
    """Options of the Julia process. An empty string means "not given".

    Attributes:
        threads: Value of Julia's `--threads`; "auto" if not given.
        gcthreads: Value of `--gcthreads`.
        heap_size_hint: Value of `--heap-size-hint`, such as "4G".
        extra_flags: Further flags, passed unchanged after all others except the startup file's.
        sysimage: Path of a system image; relative to the project's directory.
        julia_bin: The Julia program: a name on PATH, an absolute path (a wrapper will do), or a
            juliaup channel such as "1.10" or "+lts".
        startup_file: Whether the user's startup.jl is run.
    """

    threads: str = ""
    gcthreads: str = ""
    heap_size_hint: str = ""
    extra_flags: tuple[str, ...] = ()
    sysimage: str = ""
    julia_bin: str = ""
    startup_file: bool = False

    def flags(self, project: Path) -> list[str]:
        """Return Julia's flags for the project whose directory is `project`.

        Raises:
            LaunchError: The system image does not exist. Julia would silently start with its own
                image, and the session would lack what the user put into theirs.
        """
        flags = []
        if self.sysimage:
            image = project / os.path.expanduser(self.sysimage)  # noqa: PTH111 - never raises
            if not image.is_file():
                raise LaunchError(
                    f"The sysimage {image}, which the configuration of {project} names, does not "
                    "exist. No session was started. Build it, or remove the key sysimage."
                )
            flags.append(f"--sysimage={image}")
        flags.append(f"--threads={self.threads or 'auto'}")
        if self.gcthreads:
            flags.append(f"--gcthreads={self.gcthreads}")
        if self.heap_size_hint:
            flags.append(f"--heap-size-hint={self.heap_size_hint}")
        flags.extend(self.extra_flags)
        flags.append(f"--startup-file={'yes' if self.startup_file else 'no'}")
        return flags

    def julia(self, default: str) -> str:
        """Return the Julia program: the configured one with `~` expanded, or `default`."""
        return os.path.expanduser(self.julia_bin or default)  # noqa: PTH111 - may be a bare name


def _empty_or(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: value == "" or pattern.fullmatch(str(value)) is not None


def _flags_are_passable(value: list[object]) -> bool:
    texts = [flag for flag in value if isinstance(flag, str) and flag and _is_argument(flag)]
    return (
        len(texts) == len(value)
        # Julia would take a text that is not a flag for the program to run.
        and all(flag.startswith("-") for flag in texts[:1])
        and not any(flag.partition("=")[0] in _TAKEN or flag.startswith("+") for flag in texts)
    )


def _is_program(value: str) -> bool:
    return _is_argument(value) and ("/" not in value or value.startswith(("/", "~")))


def _is_argument(text: str) -> bool:
    """Return whether `text` can be passed to a program: no NUL, and encodable."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


_RULES: Final = {
    "threads": Rule((str, int), '"auto", "4", "4,1" or the like', _empty_or(_THREADS)),
    "gcthreads": Rule((str, int), '"2", "2,1" or the like', _empty_or(_GC_THREADS)),
    "heap_size_hint": Rule((str, int), '"4G", "500M", "50%" or the like', _empty_or(_HEAP_SIZE)),
    "extra_flags": Rule(
        (list,),
        "a list of texts, the first of which begins with -, none of which begins with + (write a "
        "channel of juliaup as julia_bin), and none of which is " + ", ".join(sorted(_TAKEN)),
        _flags_are_passable,
    ),
    "sysimage": Rule((str,), "the path of a file", _is_argument),
    "julia_bin": Rule(
        (str,),
        "a program's name, a path that begins with / or ~, or a juliaup channel such as +lts",
        _is_program,
    ),
    "startup_file": Rule((bool,), "true or false"),
}
assert set(_RULES) == {item.name for item in fields(LaunchConfig)}


DEFAULT: Final = LaunchConfig()
"""The options used where nothing is configured."""


def parse(
    raw: object, where: str, name_of_it: str = "launch_config"
) -> tuple[LaunchConfig | None, tuple[Problem, ...]]:
    """Read a `launch_config` object.

    Unknown keys are no problem: other tools keep theirs in the same file.

    Args:
        raw: The value in the JSON document.
        where: The file and the entry, for the problems.
        name_of_it: The object's name there.

    Returns:
        The configuration and no problems, or None and what is wrong with each key. A partly valid
        configuration is not used: Julia would start differently from what was meant.
    """
    if not isinstance(raw, dict):
        return None, (Problem(where, "launch_config is not an object", "Write it as {...}."),)
    given: dict[str, Any] = {}
    problems = []
    for name, rule in _RULES.items():
        value = raw.get(name)
        if value is None:
            continue
        if not rule.accepts(value):
            what = f"{name_of_it}.{name} = {shown(value)} is not allowed"
            cure = f"Allowed is {rule.allowed}; or remove the key."
            problems.append(Problem(where, what, cure))
        elif isinstance(value, list):
            given[name] = tuple(value)
        else:
            given[name] = str(value) if type(value) is int else value
    return (None if problems else LaunchConfig(**given)), tuple(problems)

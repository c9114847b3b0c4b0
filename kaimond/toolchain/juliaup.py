"""Which Julia juliaup would start, read from its own file.

juliaup's `julia` is a launcher. It looks at the directory that it is called in, leaves a process of
its own behind that updates things, and may ask or download something first. A session needs one
certain binary, so the launcher's choice is made here, from the same facts, and that binary is
started. Everything else (updates, installing) is left to juliaup.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE: Final = "juliaup.json"
_LAUNCHER: Final = "julialauncher"
_SHOWN: Final = 12
"""Most installed channels that an error lists."""


class JuliaupError(KaimonError):
    """An error about a channel of which juliaup has no Julia; it says why and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The Julia of a channel.

    Attributes:
        path: the path of the real binary.
        args: the channel's own arguments, as one made with `juliaup link` can have.
    """

    path: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Juliaup:
    """What one user's juliaup has.

    Attributes:
        folder: the directory that its paths are relative to.
        default: the channel that is used if nothing names another one; may be empty.
        channels: by name, as juliaup writes them.
        versions: by name, as juliaup writes them.
        overrides: channels by directory.
    """

    folder: Path
    default: str = ""
    channels: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[tuple[str, str], ...] = ()

    def channel_for(self, project: Path | None, environ: Mapping[str, str]) -> tuple[str, str]:
        """Return the channel that the launcher would choose in a project, and what chose it."""
        named = environ.get("JULIAUP_CHANNEL", "")
        if named:
            return named, "the variable JULIAUP_CHANNEL"
        for directory, channel in sorted(self.overrides, key=lambda one: -len(one[0])):
            if project and project.is_relative_to(directory):
                return channel, f"juliaup's override for {directory}"
        return self.default, "juliaup's default"

    def find(self, channel: str, named_by: str) -> Chosen:
        """Return the binary of a channel.

        Raises:
            JuliaupError: it is not installed, or not completely.
        """
        entry = self._entry(channel)
        args: tuple[str, ...] = ()
        if entry and "Target" in entry:
            args = _args(entry)
            channel, entry = str(entry["Target"]), self._entry(str(entry["Target"]))
        if entry is None:
            raise JuliaupError(
                f"juliaup has no channel `{channel}`, which {named_by} asks for. "
                f"{self._installed()} Install it with: juliaup add {channel}"
            )
        if "Command" in entry:
            return Chosen(_runnable(Path(str(entry["Command"])), channel), (*args, *_args(entry)))
        place = entry if "Path" in entry else self.versions.get(entry.get("Version", ""))
        if not isinstance(place, dict) or not isinstance(place.get("Path"), str):
            raise JuliaupError(
                f"juliaup lists the channel `{channel}`, which {named_by} asks for, but not its "
                f"version. Repair it with: juliaup update {channel}"
            )
        return Chosen(_runnable(self._binary(place), channel), args)

    def _entry(self, channel: str) -> dict[str, Any] | None:
        entry = self.channels.get(channel)
        return entry if isinstance(entry, dict) else None

    def _binary(self, place: Mapping[str, Any]) -> Path:
        known = place.get("BinaryPath")
        if isinstance(known, str):
            return Path(os.path.normpath(self.folder / known))
        base = Path(os.path.normpath(self.folder / place["Path"]))
        # On macOS it is an application, of which older installations do not record the path.
        bundled = base.glob("*.app/Contents/Resources/julia/bin/julia")
        return next(bundled, base / "bin" / "julia")

    def _installed(self) -> str:
        names = sorted(self.channels)
        if not names:
            return "It has none at all yet."
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"Installed are {', '.join(names[:_SHOWN])}{more}."


def folder(environ: Mapping[str, str]) -> Path:
    """Return the directory of juliaup's file; it does not depend on JULIA_DEPOT_PATH."""
    depot = environ.get("JULIAUP_DEPOT_PATH", "").strip()
    base = Path(depot) if depot.startswith("/") else Path(environ.get("HOME", "/")) / ".julia"
    return base / "juliaup"


def load(environ: Mapping[str, str]) -> Juliaup | None:
    """Return what this user's juliaup has; None if there is no juliaup.

    Raises:
        JuliaupError: its file cannot be read.
    """
    place = folder(environ)
    try:
        raw = json.loads((place / _FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise JuliaupError(
            f"{place / _FILE} cannot be read ({error}). Look whether `juliaup status` works."
        ) from None
    if not isinstance(raw, dict):
        raise JuliaupError(f"{place / _FILE} does not hold what juliaup writes.")
    default = raw.get("Default")
    listed = raw.get("Overrides")
    overrides = [
        (str(one.get("Path", "")), str(one.get("Channel", "")))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and str(one.get("Path", "")).startswith("/")
    ]
    return Juliaup(
        folder=place,
        default=default if isinstance(default, str) else "",
        channels=_table(raw, "InstalledChannels"),
        versions=_table(raw, "InstalledVersions"),
        overrides=tuple(overrides),
    )


def is_launcher(path: str) -> bool:
    """Return whether a program is juliaup's launcher, under whatever name or link."""
    real = Path(os.path.realpath(path))
    return real.name == _LAUNCHER or (
        real.name.startswith("julia") and (real.parent / _LAUNCHER).exists()
    )


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = raw.get(name)
    return table if isinstance(table, dict) else {}


def _args(entry: Mapping[str, Any]) -> tuple[str, ...]:
    args = entry.get("Args")
    return tuple(map(str, args)) if isinstance(args, list) else ()


def _runnable(path: Path, channel: str) -> str:
    if path.is_file() and os.access(path, os.X_OK):
        return str(path)
    raise JuliaupError(
        f"juliaup's channel `{channel}` is not whole: {path} is not a program that can be run. "
        f"Install it anew: juliaup remove {channel}; juliaup add {channel}"
    )

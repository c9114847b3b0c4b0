"""Which Julias juliaup has installed, read from its own file as kaimond reads it.

Only versions count. What a person has linked and what changes every night is tested where it is
named by hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class JuliaupError(Exception):
    """juliaup's file cannot be used; the message says why."""


def installed(environment: Mapping[str, str]) -> list[Path]:
    """Name the programs of juliaup's versions, in the order of its file; none without juliaup.

    Args:
        environment: Where JULIAUP_DEPOT_PATH and HOME are read.

    Raises:
        JuliaupError: Its file cannot be read, or does not hold what juliaup writes.
    """
    depot = environment.get("JULIAUP_DEPOT_PATH", "").strip()
    base = Path(depot) if depot.startswith("/") else Path(environment.get("HOME", "/")) / ".julia"
    file = base / "juliaup" / "juliaup.json"
    try:
        versions = json.loads(file.read_bytes())["InstalledVersions"]
        return [_binary(file.parent, version) for version in versions.values()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise JuliaupError(f"{file} cannot be read ({error})") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise JuliaupError(f"{file} does not hold what juliaup writes") from error


def _binary(folder: Path, version: Mapping[str, Any]) -> Path:
    known = version.get("BinaryPath")
    if known is not None:
        return Path(os.path.normpath(folder / known))
    base = Path(os.path.normpath(folder / version["Path"]))
    # macOS has it as an application, in older installations without saying where.
    bundled = base.glob("*.app/Contents/Resources/julia/bin/julia")
    return next(bundled, base / "bin" / "julia")

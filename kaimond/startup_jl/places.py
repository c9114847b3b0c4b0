"""The paths of Julia's startup files, and of the package that they load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import kaimond
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Mapping


class PlaceError(KaimonError):
    """There is no such file; the message says why."""


def package_directory() -> Path:
    """Return the entry for Julia's LOAD_PATH with which `using Kaimon` works."""
    return Path(kaimond.__file__).resolve().parent / "julia"


def project_file(project: Path) -> Path:
    """Return the startup file of a project; Julia loads it with `--load`."""
    return project / ".julia-startup.jl"


def global_file(environ: Mapping[str, str]) -> Path:
    """Return the user's startup file, which every Julia loads.

    Args:
        environ: The environment to take JULIA_DEPOT_PATH and HOME from.

    Raises:
        PlaceError: Julia has no depot, or the depot depends on the directory Julia starts in.
    """
    depots = environ.get("JULIA_DEPOT_PATH")
    if depots == "":
        raise PlaceError("JULIA_DEPOT_PATH is empty, so Julia has no depot and no startup file.")
    # An empty entry stands for Julia's default depot.
    first = (depots or "").split(os.pathsep)[0] or "~/.julia"
    home = environ.get("HOME") or str(Path.home())
    if first == "~" or first.startswith("~/"):
        first = home + first[1:]
    if not first.startswith("/"):
        raise PlaceError(
            f"JULIA_DEPOT_PATH begins with {first!a}, which is not an absolute path, so it means "
            "another directory wherever Julia is started. Make it absolute."
        )
    return Path(first) / "config" / "startup.jl"

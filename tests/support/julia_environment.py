"""The environment in which our programs find one specific Julia."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import private_depot

from tests.support import precompiled


def create(folder: Path, program: Path) -> dict[str, str]:
    """Create a depot that needs no network; return the variables with which a daemon finds both.

    Args:
        folder: the directory for the depot.
        program: the Julia program.
    """
    depot = private_depot.create(folder / "depot", program)
    bin_folder = _named_julia(folder / "bin", program)
    precompiled.also_called(program, bin_folder / "julia")
    # juliaup's launcher looks for its Julias in the home directory, which tests replace.
    juliaup = os.environ.get("JULIAUP_DEPOT_PATH", str(Path.home() / ".julia"))
    return {
        **depot,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "JULIAUP_DEPOT_PATH": juliaup,
    }


def _named_julia(folder: Path, program: Path) -> Path:
    """Create a directory where `julia` is this Julia, which may have a name like `julia-1.10`."""
    if program.name == "julia":
        return program.parent
    folder.mkdir()
    # Not a link: a Julia that is a script may look for files near its own path.
    script = folder / "julia"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return folder

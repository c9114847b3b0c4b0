"""What programs of ours are given so that they find one certain Julia."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import private_depot

from tests.support import precompiled


def create(folder: Path, program: Path) -> dict[str, str]:
    """Make a depot that needs no network, and tell how a daemon finds both.

    Args:
        folder: for the depot.
        program: the Julia.
    """
    depot = private_depot.create(folder / "depot", program)
    bin_folder = _named_julia(folder / "bin", program)
    precompiled.also_called(program, bin_folder / "julia")
    # juliaup's launcher looks for its Julias in the home directory, which is another one here.
    juliaup = os.environ.get("JULIAUP_DEPOT_PATH", str(Path.home() / ".julia"))
    return {
        **depot,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "JULIAUP_DEPOT_PATH": juliaup,
    }


def _named_julia(folder: Path, program: Path) -> Path:
    """A directory in which `julia` is this Julia, as a `julia-1.10` is not found by that name."""
    if program.name == "julia":
        return program.parent
    folder.mkdir()
    # No link: a Julia that is a script may look around from its own name.
    script = folder / "julia"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return folder

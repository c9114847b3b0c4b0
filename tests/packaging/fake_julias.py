"""Scripts that answer as a Julia does that is asked for its version, and juliaup's file of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def make_julia(path: Path, version: str = "1.10.4", script: str = "") -> Path:
    """Write one that says `version`, or does what `script` says instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + (script or f"echo julia version {version}\n"))
    path.chmod(0o755)
    return path


def write_juliaup(depot: Path, versions: Any) -> Path:
    """Write juliaup's file."""
    file = depot / "juliaup" / "juliaup.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"InstalledVersions": versions, "InstalledChannels": {}}))
    return file

"""Hatchling's hook of the wheel: adds manual pages and completion scripts, made from the code."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Runs the generator in a process of its own, so that it changes nothing in the builder's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files and name them to the builder."""
        if version == "editable":
            return  # a checkout makes the completions when it is asked for them
        self._folder = tempfile.TemporaryDirectory(prefix="kaimond-wheel-")
        folder = Path(self._folder.name)
        # What the builder can import, the generator must be able to: builders isolate themselves by
        # paths, and by code at the start of an interpreter that takes some out again.
        path = [str(Path(self.root) / "packaging" / "manual"), self.root, *sys.path]
        code = f"import sys; sys.path[:0] = {path!r}; import make_manual; make_manual.main()"
        subprocess.run([sys.executable, "-B", "-c", code, str(folder)], check=True)
        build_data["shared_data"].update(
            {
                str(file): f"share/{file.relative_to(folder)}"
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            }
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them again; the wheel has them now."""
        del build_data, artifact_path
        if version != "editable":
            self._folder.cleanup()

"""Runs a program of the system in silence: only why it failed is heard of."""

from __future__ import annotations

import os
import subprocess

TIMEOUT = 900.0
"""Seconds: downloading and unpacking a small system over a slow line takes minutes."""

_LAST_LINES = 3


def run(command: list[str], what_failed: str, error: type[Exception]) -> None:
    """Run a program, in English and without questions.

    Args:
        command: The program and its arguments.
        what_failed: How the message begins if it fails.
        error: What is raised then; the message goes on with what the program said.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise error(f"{what_failed}: no end after {TIMEOUT:g} seconds") from None
    if done.returncode != 0:
        raise error(f"{what_failed}: {_reason(done.stdout + done.stderr)}")


def _reason(said: str) -> str:
    """Keep what apt and debootstrap mark as errors and warnings (they name address and cause).

    Of programs that mark nothing, such as pip, the end counts.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("E:", "W:", "Err:"))]
    return " ".join(marked) or " / ".join(lines[-_LAST_LINES:]) or "it did not say why"

"""Fetch the clients that `package.json` beside this file names: what `make clients` runs.

They go into `.clients`, which git ignores. The versions are those of `package.json`, and the files
are those that `package-lock.json` has the hashes of.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PINS: Final = Path(__file__).with_name("package.json")
LOCK: Final = PINS.with_name("package-lock.json")
FOLDER: Final = PINS.parents[2] / ".clients"
PACKAGES: Final = FOLDER / "node_modules"

STAMP: Final = FOLDER / "fetched"
"""A copy of the lock file that was fetched."""

_TIME: Final = 600
"""Seconds for the fetch, which is of some 250 MB."""


def versions() -> dict[str, str]:
    """Return the pinned version of each npm package."""
    found: dict[str, str] = json.loads(PINS.read_text(encoding="utf-8"))["dependencies"]
    return found


def lacking() -> str:
    """Return why the clients are not at hand, or "" if they are."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no npm"
    if not _is_current():
        return "no clients; `make clients` fetches them"
    return ""


def _is_current() -> bool:
    return STAMP.is_file() and STAMP.read_bytes() == LOCK.read_bytes()


def fetch() -> str:
    """Fetch the clients unless they are at hand; return why that did not work, or ""."""
    npm = shutil.which("npm")
    if npm is None:
        return "no npm"
    if _is_current():
        return ""
    FOLDER.mkdir(exist_ok=True)
    # Written last, so that a fetch that breaks off is begun again.
    STAMP.unlink(missing_ok=True)
    shutil.copy(PINS, FOLDER)
    shutil.copy(LOCK, FOLDER)
    # No script of a package runs: the clients work without.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=_TIME, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm ci did not end within {_TIME} s"
    if done.returncode:
        return f"npm ci ended with code {done.returncode}: {done.stderr.strip()[-500:]}"
    shutil.copy(LOCK, STAMP)
    return ""


def main() -> int:
    """Fetch the clients for a person or `make`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--if-possible", action="store_true", help="succeed also where they cannot be fetched"
    )
    options = parser.parse_args()
    problem = fetch()
    if not problem:
        print("clients:", ", ".join(f"{name} {version}" for name, version in versions().items()))
        return 0
    print(f"clients: {problem}", file=sys.stderr)
    return 0 if options.if_possible else 1


if __name__ == "__main__":
    sys.exit(main())

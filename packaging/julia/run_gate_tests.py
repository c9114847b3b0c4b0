"""Run the gate package's own tests on each Julia at hand: what `make julia-test` runs.

The tests get a depot of their own and no package server, so they neither read nor write what the
person has installed, and need no network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import find_or_fetch
import private_depot
import zmq

PACKAGE = find_or_fetch.CHECKOUT / "kaimond" / "julia" / "Kaimon"


def libzmq() -> Path:
    """Return the libzmq that pyzmq uses in this process.

    Raises:
        FileNotFoundError: pyzmq brought no libzmq of its own, for instance because it was built
            against one that is linked into it.
    """
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        mapped = []
    paths = [Path(line.split(maxsplit=5)[5]) for line in mapped if "/" in line]
    found = [path for path in paths if path.name.startswith("libzmq")]
    if not found:
        package = Path(zmq.__file__).parent
        folders = (package.parent / "pyzmq.libs", package / ".dylibs")
        found = [path for folder in folders for path in sorted(folder.glob("libzmq*"))]
    if not found:
        raise FileNotFoundError("pyzmq brought no libzmq that Julia could load; install its wheel")
    return found[0]


def main() -> int:
    """Run the tests on each Julia at hand; return 0 if all passed."""
    tests = PACKAGE / "test" / "runtests.jl"
    if not tests.is_file():
        print(f"make julia-test: {tests} does not exist", file=sys.stderr)
        return 1
    try:
        at_hand = find_or_fetch.find_all(os.environ, find_or_fetch.CHECKOUT)
        library = libzmq()
    except (find_or_fetch.NoJuliaError, FileNotFoundError) as error:
        print(f"make julia-test: {error}", file=sys.stderr)
        return 1
    failed = []
    for julia in at_hand.julias:
        print(f"The gate's own tests on Julia {julia.version}: {julia.path}", flush=True)
        if _run(julia.path, tests, library) != 0:
            failed.append(julia.version)
    if failed:
        print(f"make julia-test: failed on Julia {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(julia: Path, tests: Path, library: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="kaimond-depot-") as depot:
        environment = {
            **os.environ,
            **private_depot.create(Path(depot), julia),
            "KAIMON_LIBZMQ": str(library),
        }
        command = [str(julia), "--startup-file=no", f"--project={PACKAGE}", str(tests)]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

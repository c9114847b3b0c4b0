"""`python -m tests.chaos --minutes 10 --seed 1`: a long run, with figures at its end."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos import report
from tests.chaos.run import keep, run
from tests.support.home import CHECKOUT, Home

TAIL = 60
"""Lines of the trace to print; a file has the whole trace."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--phase", type=float, default=30.0, help="seconds between quiet checks")
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between kills")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


def julia(folder: Path) -> dict[str, str]:
    """Return the environment variables with which a daemon finds the tests' Julia."""
    sys.path.insert(0, str(CHECKOUT / "packaging" / "julia"))
    import find_or_fetch

    from tests.support import julia_environment, precompiled

    program = find_or_fetch.find(os.environ, CHECKOUT).path
    precompiled.prepare(folder, program)
    return julia_environment.create(folder, program)


def main() -> int:
    """Run and report; return 0 if nothing was violated."""
    options = _options()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as depot:
        home = Home(julia(Path(depot)))
        try:
            world = asyncio.run(
                run(
                    home,
                    seed=options.seed,
                    seconds=options.minutes * 60,
                    agents=options.agents,
                    projects=options.projects,
                    phase=options.phase,
                    pause=options.pause,
                )
            )
            if world.violations:
                kept = keep(world, options.keep)
                print("\n".join(world.trace[-TAIL:]))
                print("\n".join(world.violations))
                print(f"the whole trace, the logs and the database: {kept}")
        finally:
            home.close()
    print(report.table(world))
    return 1 if world.violations else 0


if __name__ == "__main__":
    sys.exit(main())

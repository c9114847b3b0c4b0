"""What it costs that source is followed: at the start, of an unchanged eval, and of an edit.

Run it as ``python -m benchmarks.reload_cost [--files 500] [--rounds 200] [--starts 5]``. A package
of many files is loaded in a session; ``1 + 1`` is evaluated through an agent with following on and
off in turns, so that both meet the same machine.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.soak_common import Soak, ask, rounds, spread, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.agent import Agent
    from tests.support.home import Home

NAME = "ManyFiles"
UUID = "0f3c9f0e-6a52-4dc1-8a8e-1d2f5a0a7b11"
SETTLE = 2.5
"""Seconds after which a write is sure to get another timestamp than the one before."""


def create(home: Home, files: int) -> Path:
    """Create a package with many files."""
    root = home.path / NAME
    (root / "src").mkdir(parents=True)
    (root / "Project.toml").write_text(f'name = "{NAME}"\nuuid = "{UUID}"\nversion = "0.1.0"\n')
    (root / "Manifest.toml").write_text("")
    for number in range(files - 1):
        text = "\n".join(f"f{number}_{n}(x) = {n} + x" for n in range(20))
        (root / "src" / f"f{number}.jl").write_text(text)
    includes = "\n".join(f'include("f{number}.jl")' for number in range(files - 1))
    (root / "src" / f"{NAME}.jl").write_text(f"module {NAME}\n{includes}\nend\n")
    home.allow(root)
    return root


def prefer(home: Home, reviser: str) -> None:
    """Set the reviser that follows source."""
    file = home.paths.projects_file
    listed = json.loads(file.read_text())
    listed["session_prefs"] = {"*": {"revise": reviser}}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(listed))
    beside.replace(file)


async def timed(agent: Agent, code: str) -> tuple[float, str]:
    began = time.perf_counter()
    answer = await ask(agent, "ex", e=code, q=False)
    return time.perf_counter() - began, value(answer)


async def measure(soak: Soak, files: int, count: int, starts: int) -> int:
    """Measure everything; return the exit code."""
    home = soak.home
    root = create(home, files)
    prefer(home, "builtin")
    home.start_daemon()
    agent = await soak.agent()
    ready = []
    for _ in range(starts):
        view = await soak.start(agent, root)
        ready.append(float(view["ready_after"]))
        await ask(agent, "manage_repl", command="shutdown", session=view["key"])
    await soak.start(agent, root)
    loading, _ = await timed(agent, f"using {NAME}")
    prefer(home, "off")
    bare, _ = await timed(agent, f"{NAME}.f0_1(0)")
    prefer(home, "builtin")
    first, _ = await timed(agent, f"{NAME}.f0_1(0)")
    await asyncio.sleep(SETTLE)
    await timed(agent, "1 + 1")
    seconds: dict[str, list[float]] = {"off": [], "builtin": []}
    for _ in range(count):
        for reviser, taken in seconds.items():
            prefer(home, reviser)
            # This eval reads the preference again, so that the measured one does not.
            await timed(agent, "1 + 1")
            took, shown = await timed(agent, "1 + 1")
            taken.append(took)
            if shown != "2":
                soak.lose("wrong answers", shown)
    edits = []
    for number in range(1, 21):
        (root / "src" / "f0.jl").write_text(f"f0_1(x) = {number} + x")
        took, shown = await timed(agent, f"{NAME}.f0_1(0)")
        edits.append(took)
        if shown != str(number):
            soak.lose("stale", f"{shown} instead of {number}")
    on, off = (statistics.median(seconds[reviser]) for reviser in ("builtin", "off"))
    rows = [
        ("start to ready", spread(ready)),
        (f"using, with {files} files", f"{loading:.3f} s, then {bare:.3f} and {first:.3f} s"),
        ("1 + 1, nothing followed", spread(seconds["off"])),
        (f"1 + 1, {files} files followed", spread(seconds["builtin"])),
        ("ratio of the medians", f"{on / off:.3f} ({1e6 * (on - off):.0f} µs more)"),
        ("eval right after an edit", spread(edits)),
    ]
    return soak.report("Cost of following source", rows)


async def run(soak: Soak, files: int, count: int, starts: int) -> int:
    try:
        return await measure(soak, files, count, starts)
    finally:
        await soak.close()


def main() -> int:
    options = rounds("What following source costs.", files=500, rounds=200, starts=5)
    # The home is made outside of the event loop: its Julia is precompiled in one of its own.
    with Soak.opened() as soak:
        return asyncio.run(run(soak, options.files, options.rounds, options.starts))


if __name__ == "__main__":
    sys.exit(main())

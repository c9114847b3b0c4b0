"""Formats the figures of a run for people."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.world import World


def table(world: World) -> str:
    """Return the run's figures."""
    requests = [request for agent in world.agents for request in agent.requests]
    latencies = [r.answers[0] - r.sent for r in requests if r.answers and r.cancelled is None]
    kills = {name: count for name, count in world.done.items() if " " in name}
    work = {name: count for name, count in world.done.items() if " " not in name}
    verdicts = Counter(item.verdict for item in world.evals.values())
    rows = (
        ("seed", str(world.seed)),
        ("minutes", f"{(time.monotonic() - world.began) / 60:.1f}"),
        ("agents, projects", f"{len(world.agents)}, {len(world.projects)}"),
        ("operations", f"{sum(work.values())} ({_listed(work)})"),
        ("disturbances", _listed(kills)),
        ("requests", str(len(requests))),
        ("  unanswered, own shim killed", str(sum(r.orphaned for r in requests))),
        ("  cancelled", str(sum(r.cancelled is not None for r in requests))),
        ("sessions born", str(len(world.keys.known))),
        ("evals", f"{len(world.evals)} ({_listed(verdicts)})"),
        ("answer latency", spread(latencies)),
        ("recovery after a daemon's kill", spread(world.recoveries)),
        ("load of the machine", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"),
        ("violations", str(len(world.violations))),
    )
    return "\n".join(f"{name:32} {value}" for name, value in rows)


def spread(seconds: Sequence[float]) -> str:
    """Return the median, 99th percentile and maximum."""
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle = statistics.median(ordered)
    return f"median {middle:.3f} s, p99 {high:.3f} s, most {ordered[-1]:.3f} s ({len(ordered)})"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))

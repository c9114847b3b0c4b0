"""A short chaos run with a fixed seed; `make chaos` does long ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos import report
from tests.chaos.run import keep, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

SEED = 20


@pytest.mark.julia
@pytest.mark.timeout(900)
async def test_nothing_is_lost_or_told_wrongly_whatever_dies(home: Home, tmp_path: Path) -> None:
    world = await run(
        home, seed=SEED, seconds=28, agents=3, projects=2, phase=14, pause=1.5, least=6
    )
    print(report.table(world))
    if world.violations:
        kept = keep(world, tmp_path)
        print(*world.trace[-40:], sep="\n")
        pytest.fail("\n".join([*world.violations, f"trace, logs and database: {kept}"]))
    assert world.done["views compared"] >= 1
    assert world.evals_done >= 6

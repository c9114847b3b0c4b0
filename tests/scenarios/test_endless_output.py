"""Output that does not end, by real Julia."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.agent import agent
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.julia

MOST = 100_000
SHELL = "while :; do echo child; done"


@pytest.fixture
def small(home: Home) -> Home:
    """A home whose evals may print little."""
    home.paths.settings_file.write_text(f"[eval]\nmax_output_bytes = {MOST}\n")
    home.start_daemon()
    return home


@pytest.mark.parametrize(
    "code", ["while true println(1) end", f"run(`sh -c {SHELL!r}`)"], ids=["Julia", "a child"]
)
async def test_endless_output_ends_and_what_was_printed_is_kept(small: Home, code: str) -> None:
    async with agent(small) as one:
        key = await one.start(small.project())
        said = await one.refused("ex", e=f'println("begun"); {code}', timeout=0)
        assert said.startswith("begun\n")
        assert f"it had printed more than {MOST} bytes (eval.max_output_bytes)" in said
        assert await one.value("1 + 1", session=key) == "2"


async def test_endless_output_of_code_that_swallows_interrupts_is_cut(small: Home) -> None:
    async with agent(small) as one:
        key = await one.start(small.project())
        swallow = "while true; try; while true; println(1); end; catch; end; end"
        eval_id = await one.promoted(swallow)
        file = small.paths.session_spool(key) / f"{eval_id}.out"
        await until(file.exists)
        largest = 0

        def is_cut() -> bool:
            nonlocal largest
            size = file.stat().st_size
            largest = max(largest, size)
            return size < largest

        await until(is_cut)
        assert file.stat().st_size > MOST
        assert "generation 2" in await one.ok("manage_repl", command="restart")
        assert "interrupted" in await one.ok("check_eval", eval_id=eval_id)

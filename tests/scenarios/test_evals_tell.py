"""What running evals tell of themselves, how they are asked to end, what outlives the daemon."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from benchmarks.interrupt_fuzz import run as fuzz
from benchmarks.soak_common import Soak
from tests.support.agent import agent, text
from tests.support.home import Home
from tests.support.wait import until

pytestmark = pytest.mark.julia

GATE = (
    'K = Base.root_module(Base.PkgId(Base.UUID("a21192e0-c747-40e2-a203-a8df58b0ebbe"), "Kaimon"))'
)


async def test_stashed_values_and_progress_are_seen_while_an_eval_runs_and_kept_after(
    shared: Home,
) -> None:
    async with agent(shared) as one, agent(shared) as two:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e=GATE)
        assert await one.value("K.stash(:a, 1), K.progress(1), K.is_cancelled()") == (
            "(true, true, false)"
        )
        code = """
        K.stash("loss", 0.25); @sync @async K.stash(:table, [1 2; 3 4])
        for i in 1:10^6; K.progress("step $i"); end
        K.stash("loss", 0.125); touch("stashed")
        while ispath("stashed"); sleep(0.01); end; 7
        """
        eval_id = await one.promoted(code)
        await until((shared.path / "Proj" / "stashed").exists)
        await until(partial(two.told, "Progress: step 1000000", eval_id=eval_id))
        await until(partial(two.told, "Stashed loss: 0.125", eval_id=eval_id))
        assert await two.told(" 1  2\n 3  4", eval_id=eval_id)
        (shared.path / "Proj" / "stashed").unlink()
        await until(partial(two.told, ": done.", eval_id=eval_id))
        said = await two.ok("check_eval", eval_id=eval_id)
        assert "Stashed loss: 0.125\nStashed table:" in said
        assert said.endswith("\n7")
        assert await one.value("K.stash(:b, 2); 3") == "3"


@pytest.mark.parametrize(
    "loop",
    [
        "n = 0; while !K.is_cancelled(); global n += 1; end",
        "while !K.is_cancelled(); sleep(0.01); end",
        "wait(@async while !K.is_cancelled(); sleep(0.01); end)",
        "wait(Threads.@spawn while !K.is_cancelled(); sleep(0.01); end)",
    ],
)
async def test_code_that_watches_for_its_end_ends_in_its_own_way(shared: Home, loop: str) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e=GATE)
        eval_id = await one.promoted(f'{loop}; K.stash(:rest, 5); "in order"')
        assert "ended in its own way" in await one.ok("cancel_eval", eval_id=eval_id)
        said = await one.ok("check_eval", eval_id=eval_id)
        assert ": done." in said
        assert "Stashed rest: 5" in said
        assert '"in order"' in said
        assert "tainted" not in await one.value("1 + 1")


async def test_code_that_only_seems_to_watch_is_interrupted_all_the_same(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e=GATE)
        eval_id = await one.promoted("while true; K.is_cancelled(); sleep(0.001); end")
        assert "was interrupted" in await one.ok("cancel_eval", eval_id=eval_id)


async def test_silence_is_told_as_what_the_process_does(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        for code, words in (
            ("while true; string(1); end", "using the CPU"),
            ("sleep(1000)", "waiting ("),
            ("run(`sh -c 'while :; do :; done'`)", "waiting for the child process"),
        ):
            eval_id = await one.promoted(code)
            await until(partial(one.told, words, eval_id=eval_id))
            await one.ok("cancel_eval", eval_id=eval_id)


async def test_a_hundred_evals_of_eight_agents_get_their_own_answers_in_order(
    shared: Home,
) -> None:
    async with agent(shared) as first:
        await first.start(shared.path / "Proj")
        await first.ok("ex", e="seen = []")

        async def one_agent(name: int, count: int) -> None:
            async with agent(shared) as one:
                asked = [
                    asyncio.create_task(
                        one.call(
                            "ex",
                            e=f"push!(seen, ({name}, {number})); {name * 100 + number}",
                            q=False,
                        )
                    )
                    for number in range(count)
                ]
                said = [text(result).splitlines()[0] for result in await asyncio.gather(*asked)]
                assert said == [str(name * 100 + number) for number in range(count)]

        await asyncio.gather(*(one_agent(name, 13 if name < 4 else 12) for name in range(8)))
        assert await first.value("length(seen)") == "100"
        ordered = "all(issorted([n for (a, n) in seen if a == name]) for name in 0:7)"
        assert await first.value(ordered) == "true"


async def test_an_eval_that_runs_while_the_daemon_is_killed_has_its_whole_result_afterwards(
    shared: Home,
) -> None:
    project = shared.path / "Proj"
    async with agent(shared) as one:
        await one.start(project)
        await one.ok("ex", e=GATE)
        code = """
        K.stash(:early, 1); println("before"); touch("running")
        while ispath("running"); sleep(0.01); end
        println("after"); "whole"
        """
        eval_id = await one.promoted(code)
        await until((project / "running").exists)
        shared.daemons[-1].kill()
        shared.daemons[-1].wait()
        (project / "running").unlink()
        shared.start_daemon()
        await until(partial(one.told, ": done.", eval_id=eval_id))
        said = await one.ok("check_eval", eval_id=eval_id)
        assert "Stashed early: 1" in said
        assert said.endswith('before\nafter\n"whole"')


async def test_a_real_plot_arrives_as_an_image(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        found = await one.ok("ex", e='println(something(Base.find_package("Plots"), "none"))')
        if found != "none":
            result = await one.call("ex", e="using Plots; plot(sin)", q=False, timeout=0)
            assert any(block.type == "image" for block in result.content)
    if found == "none":
        pytest.skip("this Julia has no plotting package")


@pytest.mark.timeout(400)
async def test_interrupts_at_random_moments_lose_nothing(julia: dict[str, str]) -> None:
    home = Home(julia)
    soak = Soak(home)
    try:
        print(await fuzz(soak, 12, seed=4))
    finally:
        await soak.close()
        home.close()
    # What depends on how busy the machine is, is for the benchmark: an interrupt may be given up,
    # and a SIGINT may come so late that it hits a task of the user's.
    for kind in ("interrupts", "background tasks"):
        soak.losses.pop(kind, None)
    assert not soak.losses

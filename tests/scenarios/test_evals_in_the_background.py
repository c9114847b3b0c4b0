"""Evals that take long: they go on, can be looked at and can be interrupted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import mcp_types as types
import psutil
import pytest

from tests.support.agent import Agent, agent, text
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.julia


async def test_an_eval_goes_on_when_the_call_returns_and_its_result_waits(shared: Home) -> None:
    async with agent(shared) as one, agent(shared) as two:
        key = await one.start(shared.path / "Proj")
        still = shared.path / "Proj" / "still"
        still.touch()
        code = 'println("begun"); while ispath("still") sleep(0.01) end; println("done"); 6 * 7'
        eval_id = await one.promoted(code)
        assert "busy" in (await one.sessions())[0]["health"]
        assert "has run for" in await one.ok("check_eval", eval_id=eval_id)
        await until(partial(two.told, "begun", eval_id=eval_id))
        # It shows the same to whoever asks, however often.
        said = await two.ok("check_eval", eval_id=eval_id)
        after = f'check_eval(eval_id="{eval_id}", offset=6) shows what comes after.'
        assert said.endswith(f"Output so far: 6 bytes; shown: from byte 0 to 6. {after}\nbegun")
        said = await two.ok("check_eval", eval_id=eval_id, offset=6)
        assert said.endswith(f"Output so far: 6 bytes, none after byte 6. {after}")
        still.unlink()
        await until(partial(two.told, ": done.", eval_id=eval_id))
        said = await one.ok("check_eval", eval_id=eval_id)
        assert said.endswith("begun\ndone\n42")
        said = await one.ok("check_eval", eval_id=eval_id, offset=6)
        assert said.endswith("Output: 11 bytes; shown: from byte 6 to 11.\ndone\n42")
        listed = await two.ok("list_jobs", session=key)
        assert f"{eval_id} done" in listed


async def test_an_eval_that_runs_can_be_read_as_a_resource_and_its_sessions_log(
    shared: Home,
) -> None:
    async with agent(shared) as one:
        key = await one.start(shared.path / "Proj")
        eval_id = await one.promoted('println("only line"); sleep(1000)')
        await until(partial(one.told, "only line", eval_id=eval_id))
        listed = {resource.uri for resource in (await one.client.list_resources()).resources}
        output, log = f"kaimon://eval/{eval_id}/output", f"kaimon://session/{key}/log"
        assert listed == {"kaimon://sessions", output, log}
        now = "Output so far: 10 bytes; shown: from byte 0 to 10."
        said = await _read(one, output)
        assert said == f"{now} {output}?offset=10 shows what comes after.\nonly line\n"
        assert f"{key} Proj: busy" in await _read(one, "kaimon://sessions")
        await one.ok("cancel_eval", eval_id=eval_id)
        assert await _read(one, output) == "only line\n"
        assert "only line" in await _read(one, log)
        ref = types.PromptReference(name="start")
        done = await one.client.complete(ref, {"name": "project", "value": "proj"})
        assert done.completion.values == [str(shared.path / "Proj")]


async def _read(one: Agent, address: str) -> str:
    (content,) = (await one.client.read_resource(address)).contents
    assert isinstance(content, types.TextResourceContents)
    return content.text


@pytest.mark.smoke
async def test_an_endless_loop_is_interrupted_and_the_state_stays(shared: Home) -> None:
    async with agent(shared) as one, agent(shared) as two:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e="kept = 1; spin() = while true end; nap() = sleep(1000)")
        for code in ("spin()", "nap()"):
            eval_id = await one.promoted(code)
            assert "was interrupted" in await two.ok("cancel_eval", eval_id=eval_id)
            assert "interrupted" in await one.ok("check_eval", eval_id=eval_id)
            assert "had ended already" in await one.ok("cancel_eval", eval_id=eval_id)
        assert (await two.value("kept")).startswith("1")
        waiting = asyncio.create_task(one.call("ex", e="sleep(1000)"))
        await until(partial(is_busy, two))
        assert "was interrupted" in await two.ok("manage_repl", command="interrupt")
        assert "it was interrupted by agent" in text(await waiting)
        assert "Nothing runs in session" in await two.ok("manage_repl", command="interrupt")


IN_C = """
(bytes -> while true
    ccall(:memset, Ptr{Cvoid}, (Ptr{Cvoid}, Cint, Csize_t), bytes, 0, length(bytes))
end)(zeros(UInt8, 10^8))
"""


async def test_c_code_ended_by_force_taints_every_answer_until_the_restart(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        # A file, not output: what a loop without a pause prints stays in a Julia without threads.
        spins = shared.path / "Proj" / "spins"
        eval_id = await one.promoted('(function () touch("spins"); while true end end)()')
        await until(spins.exists)
        assert "was interrupted" in await one.ok("cancel_eval", eval_id=eval_id)
        assert "Force throwing" in await one.ok("check_eval", eval_id=eval_id)
        # Only Julia code was there to be broken.
        assert "tainted" not in await one.value("1 + 1")
        eval_id = await one.promoted(IN_C)
        assert "was interrupted" in await one.ok("cancel_eval", eval_id=eval_id)
        assert "is tainted" in await one.value("1 + 1")
        assert "tainted" in await one.ok("ping")
        await one.ok("manage_repl", command="restart")
        assert await one.value("1 + 1") == "2"
        assert "tainted" not in await one.ok("ping")


async def is_busy(one: Agent) -> bool:
    (seen,) = await one.sessions()
    return bool(seen["health_word"] == "busy")


async def has_queued(one: Agent, number: int) -> bool:
    (seen,) = await one.sessions()
    return bool(seen["queued"] == number)


async def test_an_eval_that_waits_can_be_withdrawn_and_never_begins(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        first = await one.promoted("sleep(1000)")
        second = await one.promoted('touch("must-not-be")')
        assert "was waiting and will not begin" in await one.ok("cancel_eval", eval_id=second)
        await one.ok("cancel_eval", eval_id=first)
        assert await one.value('ispath("must-not-be")') == "false"


async def test_a_cancelled_request_interrupts_its_eval(shared: Home) -> None:
    async with agent(shared) as one, agent(shared) as two:
        await one.start(shared.path / "Proj")
        slow = asyncio.create_task(one.call("ex", e="sleep(1000)"))
        await until(partial(is_busy, two))
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert (await two.value('"free"')).startswith('"free"')
        assert "interrupted" in await two.ok("list_evals", limit=3)


async def test_a_cancellation_that_no_daemon_heard_interrupts_the_eval_under_the_next_one(
    daemon_home: Home,
) -> None:
    async with agent(daemon_home) as one, agent(daemon_home) as two:
        await one.start(daemon_home.project("Proj"))
        slow = asyncio.create_task(one.call("ex", e="sleep(1000)"))
        await until(partial(is_busy, two))
        daemon = psutil.Process(daemon_home.announced())
        daemon.suspend()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        daemon.kill()
        await until(partial(lists_an_interrupted_one, one))
        assert (await two.value('"free"')).startswith('"free"')


async def lists_an_interrupted_one(one: Agent) -> bool:
    return "interrupted" in await one.ok("list_evals", limit=3)


async def test_an_agent_that_goes_away_leaves_its_eval_to_the_others(shared: Home) -> None:
    async with agent(shared) as two:
        async with agent(shared) as one:
            await one.start(shared.path / "Proj")
            eval_id = await one.promoted("sleep(1.5); 123")
        await until(partial(two.told, ": done.", eval_id=eval_id))
        assert "123" in await two.ok("check_eval", eval_id=eval_id)


async def test_one_agents_flood_does_not_starve_another(shared: Home) -> None:
    async with agent(shared) as one, agent(shared) as two:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e="order = []")
        wait = 'while !ispath("all") sleep(0.02) end; push!(order, 0)'
        codes = [wait, *(f"push!(order, {number})" for number in range(1, 20))]
        flood = [asyncio.create_task(one.call("ex", e=code)) for code in codes]
        await until(partial(has_queued, one, len(codes) - 1))
        other = asyncio.create_task(two.ok("ex", e='push!(order, "two")'))
        await until(partial(has_queued, one, len(codes)))
        (shared.path / "Proj" / "all").touch()
        await asyncio.gather(*flood, other)
        order = await one.value('join(order, " ")')
        numbers = [word for word in order.strip('"').split() if word != "two"]
        assert numbers == [str(number) for number in range(20)]
        assert order.split().index("two") < 5


async def test_the_whole_backtrace_and_pages_of_output_can_be_asked_for(shared: Home) -> None:
    async with agent(shared) as one:
        key = await one.start(shared.path / "Proj")
        result = await one.call("ex", e='print("x"^20_000); error("boom")')
        assert result.is_error
        assert result.meta
        eval_id = str(result.meta["kaimon/eval"])
        trace = await one.ok("check_eval", eval_id=eval_id, trace=True)
        assert "boom" in trace
        assert "Stacktrace" in trace
        page = await one.ok("check_eval", eval_id=eval_id, offset=19_000, max_output=500)
        assert f"Eval {eval_id} in session {key}: failed." in page
        where = "Output: 20000 bytes; shown: from byte 19000 to 19500."
        assert f'{where} check_eval(eval_id="{eval_id}", offset=19500)' in page
        assert page.endswith("\n" + "x" * 500)
        page = await one.ok("check_eval", eval_id=eval_id, offset=19_500, max_output=500)
        assert "shown: from byte 19500 to 20000.\n" in page
        assert "ERROR: boom" in page

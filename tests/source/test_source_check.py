from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.source.conftest import KEY, Scripted
from tests.support.wait import until

if TYPE_CHECKING:
    import pytest

    from kaimond.source.disk import Disk

# Further back than any clock lags; the files that tests write are younger than an eval of now.
LONG_AGO = 1000.0


def soon() -> float:
    """A moment after everything that a test has written so far."""
    return time.time() + LONG_AGO


async def test_what_the_session_runs_is_on_the_disk_and_nothing_is_said(
    scripted: Scripted,
) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    assert await scripted.evaluate() == []
    told = await scripted.check.now(KEY)
    assert told.tracked == "R tracks P (1 file)"
    assert (told.stale, told.changed) == ((), ())


async def test_an_edit_that_was_missed_is_tried_again_and_told(scripted: Scripted) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate()
    scripted.edit("a.jl", "2")
    lines = await scripted.evaluate(began=soon())
    assert lines[0] == "WARNING: this answer is stale: it was computed with an older a.jl."
    assert "Evaluate again" in lines[1]
    assert scripted.tries == 1
    assert await scripted.evaluate(began=soon()) == []


async def test_what_cannot_be_cured_is_said_with_every_answer_and_tried_once(
    scripted: Scripted,
) -> None:
    scripted.cures = False
    scripted.write("a.jl", "2")
    scripted.run("a.jl", "1")
    for _ in range(3):
        lines = await scripted.evaluate(began=soon())
        assert lines[0].startswith("WARNING: this answer is stale")
        assert "restart the session" in lines[1]
    assert scripted.tries == 1
    assert (await scripted.check.now(KEY)).stale[0].startswith("a.jl: it differs")
    assert scripted.check.doubtful(KEY)

    scripted.write("a.jl", "1")
    assert await scripted.evaluate(began=soon()) == []
    assert (await scripted.check.now(KEY)).stale == ()


async def test_an_edit_after_the_eval_began_is_no_warning_and_the_next_eval_has_it(
    scripted: Scripted,
) -> None:
    scripted.write("a.jl", "2")
    scripted.run("a.jl", "1")
    lines = await scripted.evaluate(began=time.time() - LONG_AGO)
    assert lines == ["(a.jl changed after this began, and is not in this answer.)"]
    assert (await scripted.check.now(KEY)).changed == ("a.jl",)
    assert scripted.tries == 0
    scripted.run("a.jl", "2")
    assert await scripted.evaluate(began=soon()) == []
    assert (await scripted.check.now(KEY)).changed == ()


async def test_an_edit_that_was_seen_before_the_eval_and_is_not_in_it_was_missed(
    scripted: Scripted,
) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate()
    scripted.write("a.jl", "2")
    assert (await scripted.check.now(KEY)).changed == ("a.jl",)
    # No clock could tell.
    assert (await scripted.evaluate())[0].startswith("WARNING: this answer is stale")
    assert scripted.tries == 1


async def test_an_eval_of_which_nothing_changed_looks_at_no_file(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate()
    # The watcher doubts everything once, when it has started; from here on it tells nothing.
    await scripted.check._watch.close()
    await until(lambda: not scripted.check._tasks)

    def look(_disk: Disk, _paths: object) -> None:
        raise AssertionError("it looked")

    monkeypatch.setattr("kaimond.source.disk.Disk.look", look)
    assert await scripted.evaluate() == []


async def test_what_the_gate_calls_stale_is_told_until_it_is_gone(scripted: Scripted) -> None:
    scripted.write("a.jl", "(")
    scripted.run("a.jl", "(")
    said = "a.jl:1: syntax error; correct the file"
    await scripted.evaluate(("stale", said), ("restart", "0"))
    assert (await scripted.check.now(KEY)).stale == (said,)
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate()
    assert (await scripted.check.now(KEY)).stale == ()


async def test_only_a_restart_helps_is_counted(scripted: Scripted) -> None:
    await scripted.evaluate(("stale", "a.jl: the type S changed; restart"), ("restart", "1"))
    assert (await scripted.check.now(KEY)).hopeless == 1
    assert scripted.check.doubtful(KEY)
    scripted.check.opened(scripted)
    assert not scripted.check.doubtful(KEY)


async def test_the_watcher_notices_what_was_missed_and_the_next_answer_says_it(
    scripted: Scripted,
) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate(began=soon())
    scripted.write("a.jl", "2")
    await until(lambda: scripted.runs["a.jl"] == "2")
    lines = await scripted.evaluate()
    assert lines == ["WARNING: answers before this one were computed with an older a.jl."]
    assert scripted.tries == 1
    assert await scripted.evaluate() == []


async def test_the_watcher_waits_for_a_busy_session(scripted: Scripted) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate(began=soon())
    await until(lambda: not scripted.check.doubtful(KEY))
    scripted.busy = True
    scripted.write("a.jl", "2")
    await until(lambda: scripted.check.doubtful(KEY))
    scripted.busy = False
    assert (await scripted.evaluate(began=soon()))[0].startswith("WARNING")


async def test_off_is_left_alone_and_says_so(scripted: Scripted) -> None:
    scripted.reviser = "off"
    scripted.write("a.jl", "2")
    scripted.run("a.jl", "1")
    assert await scripted.evaluate(began=soon()) == []
    told = await scripted.check.now(KEY)
    assert told.off
    assert "off" in told.tracked
    assert scripted.tries == 0


async def test_an_answer_that_is_read_after_the_end_of_its_session_still_says_that_it_is_stale(
    scripted: Scripted,
) -> None:
    scripted.write("a.jl", "1")
    scripted.run("a.jl", "1")
    await scripted.evaluate()
    scripted.edit("a.jl", "2")
    item = scripted.end_eval(began=soon())
    await scripted.check.finding(item)
    scripted.check.closed(KEY)
    assert (await scripted.check.finding(item))[0].startswith("WARNING: this answer is stale")


async def test_a_session_that_is_gone_has_nothing_to_say(scripted: Scripted) -> None:
    scripted.run("a.jl", "1")
    scripted.check.closed(KEY)
    assert (await scripted.check.now(KEY)).tracked == ""
    assert not scripted.check.doubtful(KEY)

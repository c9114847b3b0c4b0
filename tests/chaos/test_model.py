"""The model of the chaos run detects the violations it is meant to detect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.model import BOUND, LATE, Evaluation, Keys, Request, sequence, variables


def request(**facts: Any) -> Request:
    return Request(**{"agent": 0, "ident": 1, "tool": "ex", "step": 7, "sent": 0.0, **facts})


def view(**facts: Any) -> dict[str, Any]:
    return {
        "key": "aaaaaaaa",
        "project": "/p",
        "state": "ready",
        "generation": 1,
        "boot_id": "b1",
        "pid": 10,
        "ended": "",
        "ending": "",
        **facts,
    }


def test_one_answer_in_time_is_right_and_anything_else_is_told() -> None:
    assert not request(answers=[1.0]).complaints(now=2.0)
    assert "answered 2 times" in request(answers=[1.0, 1.5]).complaints(now=2.0)[0]
    assert "no answer" in request().complaints(now=BOUND + 1)[0]
    assert "only after" in request(answers=[BOUND + 2]).complaints(now=BOUND + 3)[0]


def test_a_daemon_is_wanted_by_what_came_after_the_last_one_died_or_still_waits() -> None:
    assert request(sent=5.0, answers=[6.0]).wants_daemon(since=4.0)
    assert request(sent=1.0).wants_daemon(since=4.0)
    assert not request(sent=1.0, answers=[4.1]).wants_daemon(since=4.0)
    assert not request(sent=5.0, cancelled=6.0).wants_daemon(since=4.0)
    assert not request(sent=5.0, orphaned=True).wants_daemon(since=4.0)


def test_who_cancels_or_loses_its_shim_is_owed_no_answer() -> None:
    assert not request(cancelled=1.0).complaints(now=1000.0)
    assert not request(cancelled=1.0, answers=[1.1]).complaints(now=1000.0)
    assert request(cancelled=1.0, answers=[1.1 + LATE]).complaints(now=1000.0)
    assert not request(orphaned=True).complaints(now=1000.0)


@pytest.mark.parametrize(
    ("text", "failed", "verdict"),
    [
        ('"done 3 1.2"', False, "done"),
        ("ERROR: boom 3", True, "done"),
        ("Eval 0 goes on in the background (30 s so far).", False, "background"),
        ("ERROR: eval 0 was interrupted: it had not begun: x.", True, "refused"),
        ("ERROR: eval 0 was interrupted: the session was restarted.", True, "cut"),
        ("ERROR: eval 0 is lost: the process is gone.", True, "cut"),
        ("Session x ended at y. z", True, "refused"),
        ("Kaimon's daemon cannot be reached. It may have been acted on.", True, "unknown"),
        ("ex failed inside kaimond; this is a bug of ours.", True, "strange"),
    ],
)
def test_an_answer_claims_one_thing(text: str, failed: bool, verdict: str) -> None:
    item = Evaluation(3, request(answers=[1.0], text=text, failed=failed), throws=True)
    assert item.verdict == verdict


def test_an_eval_runs_as_often_as_its_answer_says() -> None:
    done = Evaluation(3, request(answers=[1.0], text='"done 3 1.2"'))
    assert not done.effect(1)
    assert "never ran" in done.effect(0)[0]
    assert "ran 2 times" in done.effect(2)[0]
    refused = Evaluation(3, request(answers=[1.0], text="There is no session", failed=True))
    assert not refused.effect(0)
    assert "its answer says no" in refused.effect(1)[0]
    unknown = Evaluation(3, request(orphaned=True))
    assert not unknown.effect(0)
    assert not unknown.effect(1)


def test_an_answer_of_another_eval_or_with_a_hole_is_told() -> None:
    wrong = Evaluation(3, request(answers=[1.0], text='"done 4 1.2"'))
    assert "wrong answer" in wrong.answered()[0]
    hole = Evaluation(3, request(answers=[1.0], text='seq=000001\nseq=000003\n"done 3 1.2"'), 3)
    assert "printed 3 lines" in hole.answered()[0]
    assert sequence("seq=000001\nx seq=000002\nseq=000003") == [1, 3]


def test_a_key_neither_returns_nor_falls_nor_moves() -> None:
    def told(*views: dict[str, Any]) -> list[str]:
        keys = Keys()
        said = []
        for number, one in enumerate(views):
            said += keys.observe(one, number * 10.0, number * 10.0 + 1, acknowledged=True)
        return said

    dead = view(ended="now", ending="It was shut down.", state="stopped")
    second = view(generation=2, boot_id="b2")
    assert not told(view(), view(), second, second, dead, dead)
    assert "is ready again" in told(view(), dead, view())[0]
    assert "fell from generation 2 to 1" in told(second, view())[0]
    assert "moved" in told(view(), view(project="/q"))[0]
    assert "one boot id" in told(view(), view(generation=2))[0]
    assert "was ('b1', 10) and is ('b1', 11)" in told(view(), view(pid=11))[0]
    assert "without a word" in told(view(ended="now", state="stopped"))[0]


def test_a_crash_is_right_only_after_a_kill() -> None:
    crashed = view(ended="now", ending="Its process ended.", state="crashed")
    keys = Keys()
    assert "nobody killed it" in keys.observe(crashed, 0, 1, acknowledged=True)[0]
    keys.killed.add("aaaaaaaa")
    assert not keys.observe(crashed, 2, 3)
    assert keys.missing([]) == ["key aaaaaaaa was acknowledged and is forgotten"]
    assert not keys.missing(["aaaaaaaa"])


def test_a_sessions_variables_have_what_was_said_to_be_done_in_its_image() -> None:
    done = Evaluation(3, request(answers=[1.0]), image="1.2")
    assert not variables([done], [1, 3], "1.2")
    assert "counted eval 1 2 times" in variables([done], [1, 3, 1], "1.2")[0]
    assert "lost the variables of evals [3]" in variables([done], [1], "1.2")[0]
    assert not variables([done], [1], "another")

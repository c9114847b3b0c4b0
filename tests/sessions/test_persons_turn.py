"""Agents' evals and what a person enters at a terminal take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.evals.eval import PERSON, Status
from tests.sessions.conftest import KEY

if TYPE_CHECKING:
    from tests.sessions.conftest import Desk


async def test_no_eval_is_handed_over_while_a_persons_input_runs(desk: Desk) -> None:
    desk.hold()
    item = desk.submit("a")
    assert item.status is Status.QUEUED
    assert item.waited_for == PERSON
    assert not desk.link.sent
    assert desk.notes[0] == f"busy {KEY}"
    desk.release()
    assert [message.get("code") for message in desk.link.sent] == ["a"]


async def test_an_eval_that_waits_for_a_person_can_be_withdrawn(desk: Desk) -> None:
    desk.hold()
    item = desk.submit("a")
    assert desk.runner.withdraw(item.id, "it was cancelled")
    desk.release()
    assert not desk.link.sent
    assert desk.notes[-1] == f"idle {KEY}"


async def test_an_eval_that_ends_during_a_persons_turn_leaves_the_session_busy(desk: Desk) -> None:
    item = desk.submit("a")
    desk.hold()
    desk.result(item.id)
    assert f"idle {KEY}" not in desk.notes
    desk.release()
    assert desk.notes[-1] == f"idle {KEY}"


async def test_nothing_is_shown_to_persons_who_do_not_want_it(desk: Desk) -> None:
    for mirrored, silent, said in ((True, False, "0"), (True, True, "1"), (False, False, "1")):
        desk.mirrored = mirrored
        item = desk.submit("a", silent=silent)
        assert desk.link.sent[-1].get("silent") == said
        desk.result(item.id)

"""An eval and its outcome through JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.evals.eval import ENDS, Eval, Outcome, Status

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.floats(0, 4e9)
OUTCOMES = st.builds(
    Outcome,
    status=st.sampled_from(sorted(ENDS)),
    elapsed=TIMES,
    output=st.integers(0, 2**50),
    parts=st.lists(st.tuples(TEXT, st.binary(max_size=40)), max_size=4).map(tuple),
    reason=TEXT,
)
EVALS = st.builds(
    Eval,
    id=TEXT,
    session=TEXT,
    boot_id=TEXT,
    code=TEXT,
    agent=TEXT,
    submitted=TIMES,
    quiet=st.booleans(),
    call=st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    began=TIMES,
    finished=TIMES,
    waited_for=TEXT,
    outcome=st.none() | OUTCOMES,
)


@given(EVALS)
def test_an_eval_is_the_same_after_json(item: Eval) -> None:
    parts = item.outcome.parts if item.outcome else ()
    assert Eval.from_json(json.loads(json.dumps(item.to_json())), parts) == item


def test_an_eval_of_before_there_were_calls_is_none() -> None:
    old = fresh().to_json()
    del old["call"]
    assert Eval.from_json(old) == fresh()


def fresh() -> Eval:
    return Eval("1", "s", "b", "code", "agent", 1.0)


def test_an_eval_is_queued_then_running_then_what_its_outcome_says() -> None:
    item = fresh()
    assert item.status is Status.QUEUED
    item = Eval.from_json(item.to_json() | {"began": 2.0})
    assert item.status is Status.RUNNING
    item = item.ended(Outcome(Status.FAILED), 3.0)
    assert item.status is Status.FAILED
    assert item.finished == 3.0


def test_a_part_is_read_as_text_and_what_is_no_utf8_shows() -> None:
    outcome = Outcome(Status.DONE, parts=(("a", b"x\xff"), ("a", b"second")))
    assert outcome.text("a") == "x\ufffd"
    assert outcome.text("b") == ""


@pytest.mark.parametrize("status", Status)
def test_the_four_ends_are_ends(status: Status) -> None:
    assert (status in ENDS) == (status not in (Status.QUEUED, Status.RUNNING))


def test_the_outcome_is_not_in_the_repr_because_logs_may_show_that() -> None:
    item = fresh().ended(Outcome(Status.DONE, parts=(("value:text/plain", b"secret"),)), 2.0)
    assert "secret" not in repr(item)

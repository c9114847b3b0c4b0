"""The state table, pair by pair."""

from __future__ import annotations

import itertools

import pytest

from kaimond.registry.state import (
    ENDED,
    LIVE,
    TRANSITIONS,
    USABLE,
    Event,
    IllegalTransitionError,
    State,
    step,
)

# Written down a second time on purpose: a change of the table has to be meant.
ALLOWED = {
    ("starting", "answered"): "ready",
    ("starting", "stop asked"): "stopping",
    ("starting", "exited"): "crashed",
    ("starting", "left"): "stopped",
    ("ready", "eval began"): "busy",
    ("ready", "restart asked"): "restarting",
    ("ready", "stop asked"): "stopping",
    ("ready", "exited"): "crashed",
    ("ready", "left"): "stopped",
    ("busy", "evals ended"): "ready",
    ("busy", "restart asked"): "restarting",
    ("busy", "stop asked"): "stopping",
    ("busy", "exited"): "crashed",
    ("busy", "left"): "stopped",
    ("restarting", "spawned"): "starting",
    ("restarting", "stop asked"): "stopping",
    ("restarting", "exited"): "crashed",
    ("restarting", "left"): "stopped",
    ("stopping", "exited"): "stopped",
}


@pytest.mark.parametrize(
    ("state", "event"),
    list(itertools.product(State, Event)),
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_a_pair_leads_where_the_design_says_or_raises(state: State, event: Event) -> None:
    after = ALLOWED.get((state.value, event.value))
    if after is None:
        with pytest.raises(IllegalTransitionError) as caught:
            step(state, event)
        assert (caught.value.state, caught.value.event) == (state, event)
        assert event.value in str(caught.value)
        assert state.value in str(caught.value)
    else:
        assert step(state, event) == after


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[State.STOPPED] = {}  # type: ignore[index]


def test_the_sets_of_states_part_them_without_rest() -> None:
    assert set(State) == LIVE | ENDED
    assert not LIVE & ENDED
    assert USABLE < LIVE


def test_nothing_leaves_an_end() -> None:
    for state in ENDED:
        assert not TRANSITIONS[state]


def test_every_living_state_can_reach_an_end_by_the_exit_of_its_process() -> None:
    for state in LIVE:
        assert step(state, Event.EXITED) in ENDED


def test_only_an_exit_or_its_user_ends_a_session() -> None:
    for state, row in TRANSITIONS.items():
        for event, after in row.items():
            assert (after in ENDED) == (event in (Event.EXITED, Event.LEFT)), (state, event)


def test_every_state_can_be_reached_from_the_birth() -> None:
    reached = {State.STARTING}
    while True:
        further = {after for state in reached for after in TRANSITIONS[state].values()}
        if further <= reached:
            break
        reached |= further
    assert reached == set(State)

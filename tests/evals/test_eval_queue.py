"""Whose eval is next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kaimond.evals.eval import PERSON, Eval
from kaimond.evals.eval_queue import EvalQueue, Turn


def item(eval_id: str, agent: str = "a", began: float = 0.0) -> Eval:
    return Eval(
        id=eval_id, session="k", boot_id="b", code="", agent=agent, submitted=0.0, began=began
    )


def begun(queue: EvalQueue) -> str:
    chosen = queue.begin()
    return chosen.id if chosen else ""


def test_one_eval_at_a_time_is_with_the_gate() -> None:
    queue = EvalQueue(Turn())
    queue.add(item("1"))
    queue.add(item("2"))
    assert (begun(queue), begun(queue), queue.running, queue.waiting) == ("1", "", "1", 1)
    assert queue.end() == "1"
    assert begun(queue) == "2"


def test_a_flood_of_one_agent_does_not_keep_the_others_waiting() -> None:
    queue = EvalQueue(Turn())
    for number in range(5):
        queue.add(item(f"a{number}", "a"))
    queue.add(item("b0", "b"))
    queue.add(item("c0", "c"))
    order = []
    while chosen := begun(queue):
        order.append(chosen)
        queue.end()
    assert order[:3] == ["a0", "b0", "c0"]
    assert order[3:] == ["a1", "a2", "a3", "a4"]


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_each_agents_evals_keep_their_order_and_all_come(agents: list[str]) -> None:
    queue = EvalQueue(Turn())
    for number, agent in enumerate(agents):
        queue.add(item(f"{number:03}", agent))
    order = []
    while chosen := queue.begin():
        order.append(chosen)
        queue.end()
    assert len(order) == len(agents)
    for agent in "abc":
        own = [one.id for one in order if one.agent == agent]
        assert own == sorted(own)


def test_a_person_and_agents_take_turns() -> None:
    turn = Turn()
    queue = EvalQueue(turn)
    turn.begin("t")
    queue.add(item("1"))
    assert (begun(queue), queue.ahead) == ("", PERSON)
    assert queue.busy_since is not None
    turn.end()
    assert begun(queue) == "1"


def test_a_paused_queue_begins_nothing_until_all_go_on() -> None:
    queue = EvalQueue(Turn())
    queue.add(item("1"))
    queue.pause()
    queue.pause()
    queue.go_on()
    assert begun(queue) == ""
    queue.go_on()
    assert begun(queue) == "1"


def test_busy_is_since_what_runs_now_began() -> None:
    now = [10.0]
    queue = EvalQueue(Turn(), clock=lambda: now[0])
    assert queue.busy_since is None
    queue.add(item("1"))
    queue.add(item("2"))
    queue.begin()
    now[0] = 20.0
    seen = [queue.busy_since]
    queue.end()
    seen.append(queue.busy_since)
    queue.begin()
    assert [*seen, queue.busy_since] == [10.0, None, 20.0]


def test_what_the_previous_daemon_had_handed_over_runs_and_the_rest_waits() -> None:
    queue = EvalQueue(Turn())
    queue.resume([item("1", began=5.0), item("2")])
    assert (queue.running, queue.waiting, begun(queue)) == ("1", 1, "")
    assert not queue.withdraw("1")
    assert queue.withdraw("2")
    assert queue.dismiss() == []

"""What measurements mean."""

from __future__ import annotations

import pytest

from kaimond.julia_process.health import Health, Seen, Word, judge
from kaimond.registry.state import State

OK = Seen(transport_up=True, transport_for=9.0, evaluating_for=None, answered=True)
BUSY = Seen(transport_up=True, transport_for=9.0, evaluating_for=3.4, answered=None)
MUTE = Seen(transport_up=True, transport_for=9.0, evaluating_for=None, answered=False)
LOOPS = Seen(transport_up=True, transport_for=9.0, evaluating_for=3.4, answered=False)
SILENT = Seen(transport_up=True, transport_for=9.0, evaluating_for=None, answered=True, silent=True)
FROZEN = Seen(transport_up=False, transport_for=9.0, evaluating_for=None, answered=None)
FROZEN_BUSY = Seen(transport_up=False, transport_for=9.0, evaluating_for=3.4, answered=None)


@pytest.mark.parametrize("state", [State.READY, State.BUSY])
@pytest.mark.parametrize(
    ("seen", "health"),
    [
        (OK, Health(Word.OK, "ok")),
        (BUSY, Health(Word.BUSY, "busy for 3 s")),
        (LOOPS, Health(Word.BUSY, "busy for 3 s, and its gate does not answer meanwhile")),
        (
            SILENT,
            Health(
                Word.MUTE,
                "mute: no eval runs, but something else computes on its main thread (code of its "
                "person, or a background task), and evals would wait for it",
            ),
        ),
        (MUTE, Health(Word.MUTE, "mute: idle, but its gate does not answer")),
        (FROZEN, Health(Word.FROZEN, "frozen: the process exists but has not answered for 9 s")),
        (
            FROZEN_BUSY,
            Health(Word.FROZEN, "frozen: the process exists but has not answered for 9 s"),
        ),
    ],
)
def test_what_was_seen_of_a_usable_session_is_told(
    state: State, seen: Seen, health: Health
) -> None:
    assert judge(state, seen) == health


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY, State.BUSY}))
@pytest.mark.parametrize("seen", [None, OK, FROZEN])
def test_a_session_between_states_has_no_health_but_its_state(
    state: State, seen: Seen | None
) -> None:
    assert judge(state, seen) == Health(Word.NONE, str(state))


def test_silence_while_an_eval_runs_is_not_muteness() -> None:
    seen = Seen(transport_up=True, transport_for=1.0, evaluating_for=0.1, answered=False)
    assert judge(State.BUSY, seen).word is Word.BUSY

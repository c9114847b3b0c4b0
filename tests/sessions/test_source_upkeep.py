from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond import paths
from kaimond.errors import SessionError
from kaimond.evals.all_evals import QueueFullError
from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.gate.frames import PROTOCOL
from kaimond.registry.record import Record
from kaimond.registry.state import State
from kaimond.sessions.source_upkeep import Freshness

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.evals.all_evals import EvalBook

KEY = "0a1b2c3d"


def freshness(home: Path, failure: Exception | None = None) -> tuple[Freshness, list[str]]:
    """One whose book notes what is submitted, or refuses it."""
    asked: list[str] = []

    def submit(key: str, *_args: object, **options: Any) -> Eval:
        if failure:
            raise failure
        assert options["thorough"]
        asked.append(key)
        return ended(Status.DONE)

    made = Freshness(paths.resolve({"HOME": str(home)}), lambda _key: False)
    made.attach(cast("EvalBook", SimpleNamespace(submit=submit)))
    return made, asked


def ended(status: Status, reason: str = "") -> Eval:
    outcome = Outcome(status=status, elapsed=0.0, output=0, reason=reason)
    return Eval(
        id="e", session=KEY, boot_id="b", code="", agent="a", submitted=0.0, outcome=outcome
    )


def record(state: State = State.READY, protocol: int = PROTOCOL) -> Record:
    return Record(KEY, "/p", "", state, "agent", 0.0, protocol=protocol, gate="0.9")


def test_a_session_that_can_evaluate_is_asked_to_read_everything(tmp_path: Path) -> None:
    made, asked = freshness(tmp_path)
    assert made.reread(record(), "a", lambda _: None).id == "e"
    assert asked == [KEY]


@pytest.mark.parametrize(
    ("state", "failure", "words"),
    [
        (State.STARTING, KeyError(KEY), "it is starting and evaluates nothing now"),
        (State.BUSY, QueueFullError("full"), "it has too many evals waiting already"),
    ],
)
def test_files_that_could_not_be_read_again_are_told_as_that(
    tmp_path: Path, state: State, failure: Exception, words: str
) -> None:
    made, _ = freshness(tmp_path, failure)
    with pytest.raises(SessionError) as caught:
        made.reread(record(state), "a", lambda _: None)
    assert caught.value.kind == "not-ready"
    assert "were not read again" in caught.value.message
    assert words in caught.value.message


def test_a_gate_that_is_not_spoken_with_is_told_with_its_cure(tmp_path: Path) -> None:
    made, asked = freshness(tmp_path)
    with pytest.raises(SessionError) as caught:
        made.reread(record(protocol=PROTOCOL + 7), "a", lambda _: None)
    assert caught.value.kind == "gate-protocol"
    assert asked == []


async def test_a_reading_that_did_not_get_through_is_not_told_as_done(tmp_path: Path) -> None:
    made, _ = freshness(tmp_path)
    with pytest.raises(SessionError) as caught:
        await made.reread_told(ended(Status.INTERRUPTED, "agent a cancelled its request"))
    assert caught.value.kind == "not-revised"
    assert "did not get through: agent a cancelled its request." in caught.value.message


async def test_what_was_read_again_is_told_as_the_disk_shows_it_now(tmp_path: Path) -> None:
    made, _ = freshness(tmp_path)
    text, told = await made.reread_told(ended(Status.DONE))
    assert "has loaded no package from a path" in text
    assert not told.stale

"""What a record says of itself, and its way through JSON."""

from __future__ import annotations

import dataclasses
import json
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.registry.record import ExitStatus, Record
from kaimond.registry.state import ENDED, State

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.floats(0, 4e9)

RECORDS = st.builds(
    Record,
    key=st.text("0123456789abcdef", min_size=8, max_size=8),
    project=TEXT,
    name=TEXT,
    state=st.sampled_from(State),
    spawned_by=st.sampled_from(["agent", "ctl", "user"]),
    created=TIMES,
    generation=st.integers(1, 10**6),
    nonce=TEXT,
    boot_id=TEXT,
    pid=st.integers(0, 2**31),
    process_start=TEXT,
    julia=TEXT,
    julia_version=TEXT,
    started=TIMES,
    ready=TIMES,
    ended=TIMES,
    ending=TEXT,
    exit_code=st.none() | st.integers(0, 255),
    exit_signal=st.none() | st.integers(1, 64),
    last_output=TEXT,
)


def record(**changes: Any) -> Record:
    return dataclasses.replace(
        Record("0a1b2c3d", "/home/u/Proj", "", State.READY, "agent", 1.0), **changes
    )


@given(RECORDS)
def test_a_record_is_the_same_after_json(one: Record) -> None:
    assert Record.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_fields_of_a_newer_kaimond_are_ignored() -> None:
    data = record().to_json() | {"colour": "green"}
    assert Record.from_json(data) == record()


def test_fields_that_an_older_kaimond_did_not_write_have_their_defaults() -> None:
    data = {k: v for k, v in record().to_json().items() if k not in ("boot_id", "exit_signal")}
    assert Record.from_json(data) == record()


def test_a_record_without_its_key_is_an_error() -> None:
    data = record().to_json()
    del data["key"]
    with pytest.raises(TypeError):
        Record.from_json(data)


def test_a_state_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="dreaming"):
        Record.from_json(record().to_json() | {"state": "dreaming"})


@pytest.mark.parametrize("state", State)
def test_a_session_is_alive_until_it_is_stopped_or_crashed(state: State) -> None:
    assert record(state=state).alive == (state not in ENDED)


def test_a_title_is_the_folder_and_the_name_if_there_is_one() -> None:
    assert record().title == "Proj"
    assert record(name="second").title == "Proj:second"
    assert record(project="/").title == "/"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ExitStatus(code=0), "exited with code 0"),
        (ExitStatus(code=3), "exited with code 3"),
        (ExitStatus(signal=signal.SIGKILL), "was killed by SIGKILL"),
        (ExitStatus(signal=63), "was killed by signal 63"),
        (ExitStatus(), "is gone (it was not our child, so its exit code is unknown)"),
    ],
)
def test_an_exit_is_told_in_words(status: ExitStatus, words: str) -> None:
    assert str(status) == words

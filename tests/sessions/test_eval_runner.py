"""The book of evals: order, ends, and what is stored when."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.evals.eval import Status
from kaimond.evals.history import DROP_AFTER, REMEMBER_DROPPED
from kaimond.gate.frames import Message
from kaimond.registry.state import Event, State
from tests.sessions.conftest import KEY

if TYPE_CHECKING:
    from tests.sessions.conftest import Desk

SOON = 60.0


# Order


async def test_an_eval_is_journalled_then_stored_then_handed_over(desk: Desk) -> None:
    item = desk.submit("1 + 1", quiet=True, silent=True)
    assert desk.notes == [f"journal {item.id}", f"busy {KEY}", "eval 1 + 1"]
    assert item.status is Status.RUNNING
    (sent,) = desk.link.sent
    assert sent.request == item.id
    assert sent.get("boot") == "boot1", "no other process image may take it"
    assert sent.get("quiet") == "1"
    assert sent.get("silent") == "1"
    assert sent.get("spool") == str(desk.spool.path(item.id))
    assert desk.stored(item.id)["began"] == item.began
    assert desk.runner.running == item


async def test_a_journal_that_fails_starts_nothing(desk: Desk) -> None:
    def full(_: str) -> None:
        raise sqlite3.OperationalError("disk is full")

    with pytest.raises(sqlite3.OperationalError):
        desk.runner.submit("1", "agent", quiet=False, journal=full)
    assert not desk.link.sent
    assert desk.store.unfinished_evals() == []
    assert desk.submit("2").status is Status.RUNNING


async def test_what_was_journalled_of_an_eval_that_could_not_be_stored_is_not_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    def journal(eval_id: str) -> None:
        desk.store.save_call("agent", "1", time.time(), {"eval": eval_id})

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "add_parts", full)
        with pytest.raises(sqlite3.OperationalError):
            desk.runner.submit("1", "agent", quiet=False, journal=journal)
    assert desk.store.load_call("agent", "1") is None
    assert not desk.link.sent


async def test_evals_of_one_session_run_one_after_the_other_in_order(desk: Desk) -> None:
    first, second, third = (desk.submit(code) for code in "abc")
    assert [message.get("code") for message in desk.link.sent] == ["a"]
    assert desk.runner.queue.waiting == 2
    assert second.status is Status.QUEUED
    desk.result(first.id)
    desk.result(second.id)
    desk.result(third.id)
    assert [m.get("code") for m in desk.link.sent if m.verb == "eval"] == ["a", "b", "c"]
    assert [event.eval for event in desk.finished] == [first.id, second.id, third.id]
    assert desk.notes[-2:] == [f"idle {KEY}", f"ack {third.id}"]
    assert desk.notes.count(f"idle {KEY}") == 1, "between two evals the session is not idle"


async def test_an_eval_says_behind_which_one_it_waited(desk: Desk) -> None:
    first, second, third = (desk.submit(code) for code in "abc")
    assert (first.waited_for, second.waited_for, third.waited_for) == ("", first.id, first.id)


async def test_an_eval_that_waits_can_be_withdrawn_once_and_whoever_waits_is_told(
    desk: Desk,
) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    assert desk.runner.withdraw(second.id, "it was cancelled by agent x")
    ended = await asyncio.wait_for(desk.history.finished(second.id), SOON)
    assert ended.status is Status.INTERRUPTED
    assert ended.outcome
    assert ended.outcome.reason == "it had not begun: it was cancelled by agent x"
    assert not desk.runner.withdraw(second.id, "again")
    assert not desk.runner.withdraw(first.id, "it runs already")
    desk.result(first.id)
    assert desk.link.verbs() == ["eval", "ack"]


# Ends


async def test_a_result_ends_its_eval_and_is_acknowledged_once_stored(desk: Desk) -> None:
    item = desk.submit("1")
    waiting = asyncio.create_task(desk.history.finished(item.id))
    await asyncio.sleep(0)
    stored_at_ack: list[float] = []
    send = desk.link.send

    def note(request: str, verb: str, fields: object = ()) -> None:
        if verb == "ack":
            stored_at_ack.append(desk.stored(item.id)["finished"])
        send(request, verb, fields)  # type: ignore[arg-type]

    desk.link.send = note  # type: ignore[method-assign]
    desk.result(item.id, **{"value:text/plain": "2", "type": "Int64"})
    done = await waiting
    assert done.status is Status.DONE
    assert done.outcome
    assert (done.outcome.elapsed, done.outcome.text("value:text/plain")) == (0.5, "2")
    assert stored_at_ack == [done.finished], "the gate must not forget it before it is stored"
    assert desk.history.get(item.id) == done
    assert desk.store.unfinished_evals() == []
    assert desk.runner.running is None


async def test_an_eval_that_cannot_be_encoded_fails_and_the_next_one_runs(desk: Desk) -> None:
    first, bad, last = (desk.submit(code) for code in ("a", "1 + \udcff", "b"))
    desk.result(first.id)
    ended = await asyncio.wait_for(desk.history.finished(bad.id), SOON)
    assert ended.status is Status.FAILED
    assert ended.outcome
    assert "not UTF-8" in ended.outcome.text("error")
    assert desk.runner.running == desk.history.get(last.id)
    desk.result(last.id)
    assert desk.submit("\udcff").status is Status.FAILED
    assert desk.state() is State.READY


@pytest.mark.parametrize(
    ("word", "status"),
    [("error", Status.FAILED), ("interrupted", Status.INTERRUPTED), ("strange", Status.FAILED)],
)
async def test_the_gates_words_have_their_meaning(desk: Desk, word: str, status: Status) -> None:
    item = desk.submit("1")
    desk.result(item.id, word)
    assert (await desk.history.finished(item.id)).status is status


async def test_a_result_that_comes_twice_is_acknowledged_twice_and_counts_once(desk: Desk) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    desk.result(first.id)
    desk.result(first.id, "error")
    assert (await desk.history.finished(first.id)).status is Status.DONE
    assert desk.link.verbs().count("ack") == 2
    assert desk.runner.running == desk.history.get(second.id)
    assert [event.eval for event in desk.finished] == [first.id]


async def test_a_result_of_an_eval_that_nobody_knows_is_acknowledged_and_harms_none(
    desk: Desk,
) -> None:
    item = desk.submit("a")
    desk.result("ffffffff")
    assert desk.link.verbs() == ["eval", "ack"]
    assert desk.runner.running == item


async def test_a_refused_eval_is_lost_and_the_next_one_runs(desk: Desk) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    desk.hear(Message(first.id, "refused", (("reason", b"already acknowledged"),)))
    lost = await desk.history.finished(first.id)
    assert lost.status is Status.LOST
    assert lost.outcome
    assert lost.outcome.reason == "the gate refused it: already acknowledged"
    assert desk.runner.running == desk.history.get(second.id)


async def test_other_words_of_the_gate_change_nothing(desk: Desk) -> None:
    item = desk.submit("a")
    for message in (
        Message(item.id, "accepted"),
        Message("again", "pending", (("eval", item.id.encode()),)),
        Message("again", "unknown", (("eval", b"ffffffff"),)),
        Message("ffffffff", "refused"),
        Message("ping-9", "pong"),
    ):
        desk.hear(message)
    assert desk.runner.running == item
    assert desk.link.verbs() == ["eval"]


# The transport breaks


async def test_when_the_transport_is_back_the_running_eval_is_asked_for(desk: Desk) -> None:
    desk.runner.transport_up()
    assert not desk.link.sent
    item = desk.submit("a")
    desk.runner.transport_up()
    assert desk.link.sent[-1].verb == "result"
    assert desk.link.sent[-1].get("eval") == item.id


async def test_an_eval_that_the_gate_does_not_know_is_handed_over_again(desk: Desk) -> None:
    item = desk.submit("a")
    desk.hear(Message("again", "unknown", (("eval", item.id.encode()),)))
    assert desk.link.verbs() == ["eval", "eval"]
    assert desk.link.sent[0] == desk.link.sent[1], "the same id, so that it cannot run twice"


# The session ends


async def test_a_process_that_ends_loses_what_it_evaluated_and_keeps_what_it_had_printed(
    desk: Desk,
) -> None:
    running, queued = desk.submit("a"), desk.submit("b")
    desk.spool.path(running.id).write_bytes(b"so far\n")
    desk.runner.close(Status.LOST, "the session's process 7 was killed by SIGKILL")
    lost, unbegun = [await desk.history.finished(item.id) for item in (running, queued)]
    assert lost.status is Status.LOST
    assert lost.outcome
    assert lost.outcome.text("output:head") == "so far\n"
    assert lost.outcome.output == 7
    assert unbegun.status is Status.INTERRUPTED
    assert unbegun.outcome
    assert "had not begun" in unbegun.outcome.reason
    assert desk.store.unfinished_evals() == []
    desk.runner.close(Status.LOST, "twice")


async def test_a_restart_interrupts_what_runs_and_what_waits(desk: Desk) -> None:
    running, queued = desk.submit("a"), desk.submit("b")
    desk.spool.path(running.id).write_bytes(b"so far\n")
    desk.runner.close(Status.INTERRUPTED, "the session was restarted")
    for item in (running, queued):
        ended = await desk.history.finished(item.id)
        assert ended.status is Status.INTERRUPTED
        assert ended.outcome
        assert "the session was restarted" in ended.outcome.reason
    desk.runner.close(Status.INTERRUPTED, "twice")


async def test_only_both_ends_of_a_flood_are_kept_of_an_eval_that_was_cut_short(desk: Desk) -> None:
    item = desk.submit("a")
    desk.spool.path(item.id).write_bytes(b"A" * 100_000 + b"Z" * 100_000)
    desk.runner.close(Status.INTERRUPTED, "the session was restarted")
    ended = await desk.history.finished(item.id)
    assert ended.outcome
    assert ended.outcome.output == 200_000
    assert set(ended.outcome.text("output:head")) == {"A"}
    assert set(ended.outcome.text("output:tail")) == {"Z"}
    assert sum(len(value) for _, value in desk.store.load_parts(item.id)) < 100_000


async def test_who_gave_up_ending_a_session_is_not_blamed_for_a_later_interrupt(desk: Desk) -> None:
    desk.runner.ending("it was restarted by agent x")
    item = desk.submit("a")
    desk.result(item.id, "interrupted")
    ended = await desk.history.finished(item.id)
    assert ended.outcome
    assert ended.outcome.reason == ""


# The daemon is killed


async def test_the_next_daemon_takes_up_what_runs_and_what_waits(desk: Desk) -> None:
    running, second, third = (desk.submit(code) for code in "abc")
    desk.daemon_killed()
    desk.adopt()
    assert desk.link.sent == [], "it is asked for when the transport is up, not before"
    assert desk.state() is State.BUSY
    desk.runner.transport_up()
    assert desk.link.sent[-1].get("eval") == running.id
    waiting = asyncio.create_task(desk.history.finished(third.id))
    for item in (running, second, third):
        desk.result(item.id)
    assert [m.get("code") for m in desk.link.sent if m.verb == "eval"] == ["b", "c"]
    assert (await asyncio.wait_for(waiting, SOON)).status is Status.DONE


async def with_an_end_that_was_not_stored(desk: Desk, patched: pytest.MonkeyPatch) -> list[str]:
    """Two evals are begun in the database, and the gate still has the result of the first."""
    first, second = desk.submit("a"), desk.submit("b")
    save = desk.store.save_eval

    def full(eval_id: str, session: str, finished: float, *rest: Any) -> None:
        if finished:
            raise sqlite3.OperationalError("database or disk is full")
        save(eval_id, session, finished, *rest)

    patched.setattr(desk.store, "save_eval", full)
    desk.result(first.id)
    desk.daemon_killed()
    desk.adopt()
    return [first.id, second.id]


async def test_the_next_daemon_asks_for_a_result_that_the_killed_one_could_not_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await with_an_end_that_was_not_stored(desk, monkeypatch)
    desk.runner.transport_up()
    assert [m.get("eval") for m in desk.link.sent] == [first, second]
    desk.result(first, value="1")
    assert desk.link.sent[-1].get("eval") == first
    assert desk.link.sent[-1].verb == "ack"
    assert desk.stored(first)["finished"]
    done = desk.history.get(first)
    assert done
    assert done.status is Status.DONE
    assert desk.runner.queue.running == second


async def test_a_result_that_the_gate_has_dropped_is_lost_and_not_evaluated_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await with_an_end_that_was_not_stored(desk, monkeypatch)
    desk.hear(Message("again", "unknown", (("eval", first.encode()),)))
    assert desk.link.sent == []
    assert (await asyncio.wait_for(desk.history.finished(first), SOON)).status is Status.LOST
    assert desk.runner.queue.running == second


async def test_no_eval_stays_open_when_the_process_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_an_end_that_was_not_stored(desk, monkeypatch)
    desk.runner.close(Status.LOST, "the process ended")
    assert desk.history.all_open(KEY) == []


async def test_the_next_daemon_hands_over_what_was_queued_and_never_begun(desk: Desk) -> None:
    item = desk.submit("a")
    data = desk.stored(item.id) | {"began": 0.0}
    desk.store.save_eval(item.id, KEY, 0.0, data)
    desk.daemon_killed()
    desk.adopt()
    assert desk.link.sent[0].request == item.id


async def test_a_session_that_has_nothing_to_do_is_idle_after_it_was_adopted(desk: Desk) -> None:
    desk.registry.apply(KEY, Event.EVAL_BEGAN, "test")
    desk.daemon_killed()
    desk.adopt()
    assert desk.state() is State.READY


async def test_evals_of_another_process_image_are_lost_when_a_session_is_adopted(
    desk: Desk,
) -> None:
    item, queued = desk.submit("a"), desk.submit("b")
    desk.spool.path(item.id).write_bytes(b"so far")
    desk.daemon_killed()
    desk.adopt("boot2")
    lost, not_begun = [await desk.history.finished(one.id) for one in (item, queued)]
    assert lost.status is Status.LOST
    assert lost.outcome
    assert lost.outcome.reason == "the session was restarted"
    assert lost.outcome.text("output:head") == "so far"
    assert not_begun.status is Status.INTERRUPTED
    assert not_begun.outcome
    assert not_begun.outcome.reason == "it had not begun: the session was restarted"


async def test_evals_of_a_session_that_ended_without_a_daemon_are_lost(desk: Desk) -> None:
    running, queued = desk.submit("a"), desk.submit("b")
    desk.spool.path(running.id).write_bytes(b"printed")
    desk.daemon_killed()
    assert {item.session for item in desk.history.all_open()} == {KEY}
    desk.history.abandoned(KEY, desk.spool, "its process ended while no daemon was running")
    assert desk.history.all_open() == []
    lost, not_begun = [await desk.history.finished(item.id) for item in (running, queued)]
    assert lost.status is Status.LOST
    assert lost.outcome
    assert lost.outcome.text("output:head") == "printed"
    assert not_begun.status is Status.INTERRUPTED
    assert desk.store.unfinished_evals() == []


async def test_a_finished_result_is_known_to_the_next_daemon(desk: Desk) -> None:
    item = desk.submit("a")
    desk.result(item.id, **{"value:text/plain": "2"})
    done = await desk.history.finished(item.id)
    desk.daemon_killed()
    assert await desk.history.finished(item.id) == done


async def test_what_a_finished_eval_printed_outlives_the_spool(desk: Desk) -> None:
    item = desk.submit("a")
    desk.spool.path(item.id).write_bytes(b"printed, and later more")
    fields = (("status", b"ok"), ("output", b"7"), ("value:text/plain", b"2"))
    desk.hear(Message(item.id, "result", fields))
    desk.history.keep_output(desk.spool)
    desk.history.keep_output(desk.spool)
    desk.spool.remove()
    done = await desk.history.finished(item.id)
    assert done.outcome
    assert done.outcome.kept
    assert done.outcome.parts.count(("output:head", b"printed")) == 1
    assert done.outcome.text("value:text/plain") == "2"


async def test_what_was_printed_outlives_the_spool_although_the_end_could_not_be_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    item = desk.submit("a")
    desk.spool.path(item.id).write_bytes(b"printed")
    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "save_eval", full)
        desk.hear(Message(item.id, "result", (("status", b"ok"), ("output", b"7"))))
        desk.history.keep_output(desk.spool)
    desk.spool.remove()
    desk.history.tidy()
    desk.daemon_killed()
    done = desk.history.get(item.id)
    assert done
    assert done.outcome
    assert done.outcome.text("output:head") == "printed"


# Readers


async def test_who_stops_waiting_does_nothing_to_the_eval(desk: Desk) -> None:
    item = desk.submit("a")
    impatient = asyncio.create_task(desk.history.finished(item.id))
    patient = asyncio.create_task(desk.history.finished(item.id))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    desk.result(item.id)
    assert (await patient).status is Status.DONE


async def test_an_unknown_eval_is_an_error_for_who_waits_and_none_for_who_asks(desk: Desk) -> None:
    assert desk.history.get("ffffffff") is None
    with pytest.raises(KeyError):
        await desk.history.finished("ffffffff")


async def test_only_the_newest_evals_of_a_session_are_remembered(desk: Desk) -> None:
    items = []
    keep = desk.settings.keep
    for number in range(keep + 3):
        items.append(desk.submit(str(number)))
        desk.result(items[-1].id)
    desk.history.tidy()
    known = [desk.history.get(item.id) is not None for item in items]
    assert known == [False] * 3 + [True] * keep
    assert not desk.history._open
    assert not desk.history._ends
    dropped = desk.history.dropped(items[0].id)
    assert dropped
    assert (dropped.session, dropped.status) == (KEY, "done")
    assert "newest" in dropped.why


async def test_a_session_that_is_faster_than_housekeeping_does_not_fill_the_disk(
    desk: Desk,
) -> None:
    for number in range(3 * DROP_AFTER):
        desk.result(desk.submit(str(number)).id)
        assert len(desk.history.recent(KEY, 200)) <= desk.settings.keep + DROP_AFTER


async def test_results_are_dropped_when_they_are_old_enough(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, running = desk.submit("a"), desk.submit("b")
    desk.result(item.id)
    desk.history.tidy()
    assert desk.history.get(item.id)
    later = time.time() + (desk.settings.keep_days + 1) * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    desk.history.tidy()
    assert desk.history.get(item.id) is None
    dropped = desk.history.dropped(item.id)
    assert dropped
    assert "eval.keep_days" in dropped.why
    assert desk.history.get(running.id), "what has no end yet is never dropped"
    later += REMEMBER_DROPPED + 1
    desk.history.tidy()
    assert desk.history.dropped(item.id) is None


async def test_a_running_eval_is_found_behind_any_number_of_newer_ones(desk: Desk) -> None:
    running = desk.submit("the oldest")
    waiting = [desk.submit(str(number)) for number in range(25)]
    for item in waiting[:5]:
        desk.runner.withdraw(item.id, "it was cancelled")
    recent = desk.history.recent
    assert [item.id for item in recent(KEY, 2, "running")] == [running.id]
    assert [item.id for item in recent("", 2, "queued")] == [waiting[24].id, waiting[23].id]
    assert [item.id for item in recent("", 9, "interrupted")] == [
        item.id for item in reversed(waiting[:5])
    ]
    assert recent("ffffffff", 2, "running") == []
    assert recent(KEY, 9, "done") == []
    assert [item.id for item in recent(KEY, 30)] == [
        item.id for item in (*reversed(waiting), running)
    ]


async def test_what_evals_have_shown_is_read_only_to_be_shown(desk: Desk) -> None:
    image = bytes(2**22)
    for code in "abc":
        item = desk.submit(code)
        desk.spool.path(item.id).write_bytes(b"printed")
        fields = (("status", b"ok"), ("output", b"7"), ("value:image/png", image))
        desk.hear(Message(item.id, "result", fields))
    desk.daemon_killed()
    tracemalloc.start()
    try:
        assert len(desk.history.recent("", 20)) == 3
        assert len(desk.history.recent("", 20, "done")) == 3
        desk.history.keep_output(desk.spool)
        assert tracemalloc.get_traced_memory()[1] < len(image)
    finally:
        tracemalloc.stop()
    done = desk.history.get(item.id)
    assert done
    assert done.outcome
    assert done.outcome.part("value:image/png") == image
    assert done.outcome.text("output:head") == "printed"


# The machine fails


async def test_who_waits_is_answered_even_if_the_end_cannot_be_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = desk.submit("a"), desk.submit("b")

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    waiting = asyncio.create_task(desk.history.finished(first.id))
    await asyncio.sleep(0)
    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "save_eval", full)
        desk.result(first.id)
        done = await asyncio.wait_for(waiting, SOON)
        assert done.status is Status.DONE
        assert desk.runner.running == desk.history.get(second.id), "the queue goes on"
        assert desk.link.verbs() == ["eval", "eval"], "the gate keeps what is not stored"
        assert "disk is full" in caplog.text
        desk.history.tidy()
        # Whoever asks later is not told that it runs.
        assert desk.history.get(first.id) == done
        assert desk.history.recent(KEY, 2)[1] == done
        assert await desk.history.finished(first.id) == done
    desk.history.tidy()
    assert desk.stored(first.id)["finished"] == done.finished
    assert desk.history.get(first.id) == done
    assert not desk.history._unsaved


async def test_who_waits_is_answered_even_if_the_output_cannot_be_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.failure = OSError(28, "No space left on device")
    first, second = desk.submit("a"), desk.submit("b")
    desk.result(first.id)
    assert (await asyncio.wait_for(desk.history.finished(first.id), SOON)).status is Status.DONE
    assert desk.runner.running == desk.history.get(second.id)
    assert desk.link.verbs() == ["eval", "eval", "ack"]
    assert "No space left" in caplog.text


async def test_an_eval_that_cannot_be_stored_is_refused_and_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "save_eval", full)
        with pytest.raises(sqlite3.OperationalError):
            desk.submit("a")
    assert not desk.history._open
    assert not desk.link.sent
    assert desk.submit("b").status is Status.RUNNING


# What an eval tells of itself


def notes(eval_id: str, **fields: str) -> Message:
    return Message(eval_id, "notes", tuple((k, v.encode()) for k, v in fields.items()))


async def test_notes_of_the_running_eval_are_known_while_it_runs(desk: Desk) -> None:
    item, later = desk.submit("a"), desk.submit("b")
    desk.hear(notes(item.id, **{"stash:x": "1", "progress": "half"}))
    desk.hear(notes(item.id, **{"stash:x": "2", "watches": "1"}))
    desk.hear(notes("ffffffff", progress="of nobody"))
    known = desk.runner.notes_of(item.id)
    assert (known.stash, known.progress, known.watches) == ({"x": b"2"}, "half", True)
    assert desk.runner.notes_of(later.id).stash == {}
    desk.result(item.id, **{"stash:x": "2"})
    done = await desk.history.finished(item.id)
    assert done.outcome
    assert done.outcome.text("stash:x") == "2"
    assert desk.runner.notes_of(later.id).progress == ""


async def test_the_next_daemon_asks_for_the_notes_too(desk: Desk) -> None:
    item = desk.submit("a")
    desk.daemon_killed()
    desk.adopt()
    fields = (("eval", item.id.encode()), ("stash:x", b"1"), ("progress", b"half"))
    desk.hear(Message("again", "pending", fields))
    assert desk.runner.notes_of(item.id).stash == {"x": b"1"}


async def test_what_was_stashed_outlives_an_eval_that_is_lost_or_interrupted(desk: Desk) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    desk.runner.interrupting("it was cancelled")
    desk.result(first.id, "interrupted", **{"stash:x": "1", "display:text/plain": "shown"})
    desk.hear(notes(second.id, **{"stash:y": "2"}))
    desk.runner.close(Status.LOST, "the session's process 7 was killed by SIGKILL")
    cancelled, lost = [await desk.history.finished(item.id) for item in (first, second)]
    assert cancelled.outcome
    assert cancelled.outcome.reason == "it was cancelled"
    assert cancelled.outcome.text("stash:x") == "1"
    assert cancelled.outcome.text("display:text/plain") == "shown"
    assert lost.outcome
    assert lost.outcome.text("stash:y") == "2"


async def test_while_a_session_is_paused_nothing_new_begins(desk: Desk) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    with desk.runner.pausing():
        with desk.runner.pausing():
            desk.result(first.id)
        assert desk.runner.running is None
        assert desk.submit("c").status is Status.QUEUED
    assert desk.runner.running == desk.history.get(second.id)
    with desk.runner.pausing():
        desk.runner.close(Status.LOST, "the session's process 7 exited with code 0")

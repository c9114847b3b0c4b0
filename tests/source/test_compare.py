from __future__ import annotations

from kaimond.gate.frames import Message
from kaimond.source.compare import CLOCK_LAG, Differences, compare
from kaimond.source.disk import OnDisk
from kaimond.source.loaded_source import read
from kaimond.source.report import Finding, SourceReport, read_again, stale_lines


def test_what_is_the_same_is_no_difference_whenever_it_was_touched() -> None:
    assert not compare({"/a": "1"}, {"/a": OnDisk("1", 99.0)}, began=10.0, promised={})


def test_a_change_before_the_eval_was_missed_and_one_after_it_was_not() -> None:
    runs = {"/a": "1", "/b": "1", "/c": "1"}
    disk = {"/a": OnDisk("2", 5.0), "/b": OnDisk("2", 11.0), "/c": OnDisk("1", 5.0)}
    assert compare(runs, disk, began=10.0, promised={}) == Differences(
        later=("/b",), missed=("/a",)
    )


def test_what_was_seen_before_the_eval_was_missed_whatever_the_clocks_say() -> None:
    runs, seen = {"/a": "1"}, {"/a": OnDisk("2", 99.0)}
    assert compare(runs, seen, began=10.0, promised=seen).missed == ("/a",)
    again = {"/a": OnDisk("2", 99.5)}
    assert compare(runs, again, began=10.0, promised=seen).later == ("/a",)


def test_of_a_change_at_the_same_moment_nobody_can_tell_so_it_is_not_called_missed() -> None:
    disk = {"/a": OnDisk("2", 10.0 - CLOCK_LAG / 2)}
    assert compare({"/a": "1"}, disk, began=10.0, promised={}) == Differences(later=("/a",))


def test_a_file_that_was_not_looked_at_or_is_missing_on_both_sides_is_no_difference() -> None:
    assert not compare({"/a": "1", "/b": ""}, {"/b": OnDisk("", 0.0)}, began=10.0, promised={})


def test_a_missing_file_that_the_session_has_read_is_a_difference() -> None:
    assert compare({"/a": "1"}, {"/a": OnDisk("", 3.0)}, began=10.0, promised={}).missed == ("/a",)


def message(*fields: tuple[str, str]) -> Message:
    encoded = tuple((name, value.encode("utf-8", "surrogateescape")) for name, value in fields)
    return Message("1", "result", encoded)


def test_what_a_session_runs_is_read_by_package() -> None:
    found = read(
        message(
            ("status", "ok"),
            ("sources", "7"),
            ("reviser", "Revise 3.1.12"),
            ("package", "A"),
            ("file", "aa /p/src/A.jl"),
            ("file", " /p/src/with blank.jl"),
            ("reviser", "built-in reviser"),
            ("package", "B"),
            ("file", "bb /q/\udcff.jl"),
            ("untracked", "src/B.jl:3 (dynamic include)"),
            ("remark", "Something."),
        )
    )
    assert found is not None
    assert found.revision == "7"
    assert found.remarks == ("Something.",)
    assert found.files() == {"/p/src/A.jl": "aa", "/p/src/with blank.jl": "", "/q/\udcff.jl": "bb"}
    assert found.told() == (
        "Revise 3.1.12 tracks A (2 files); built-in reviser tracks B (1 file; not tracked: "
        "src/B.jl:3 (dynamic include))"
    )


def test_a_result_that_tells_nothing_of_source_changes_nothing() -> None:
    assert read(message(("status", "ok"), ("stale", "src/a.jl: bad; correct it"))) is None


def test_a_session_without_packages_says_so_by_its_revision() -> None:
    found = read(message(("sources", "0")))
    assert found is not None
    assert found.told() == ""


def test_nothing_is_said_below_an_answer_that_is_as_it_should_be() -> None:
    assert Finding().lines("/p") == []


def test_a_missed_file_is_a_warning_and_a_later_one_is_not() -> None:
    lines = Finding(("/p/src/later.jl",), ("/p/src/a.jl", "/q/b.jl"), cured=True).lines("/p")
    assert lines[0].startswith("WARNING: this answer is stale")
    assert "src/a.jl and /q/b.jl" in lines[0]
    assert "Evaluate again" in lines[1]
    assert "src/later.jl changed after this began" in lines[2]
    assert "WARNING" not in lines[2]
    assert "restart" in Finding(missed=("/p/a.jl",)).lines("/p")[1]


def test_many_files_are_counted() -> None:
    names = tuple(f"/p/f{number}.jl" for number in range(9))
    assert (
        Finding(names)
        .lines("/p")[0]
        .startswith("(f0.jl, f1.jl, f2.jl, f3.jl, f4.jl and 4 more changed")
    )


def test_stale_is_what_the_gate_says_and_what_it_missed() -> None:
    lines = stale_lines("a.jl:1: bad; fix it", Differences(missed=("/p/b.jl",)), "/p")
    assert lines[0] == "a.jl:1: bad; fix it"
    assert lines[1].startswith("b.jl: it differs")


def test_the_report_of_a_scan_never_claims_more_than_was_seen() -> None:
    tracked = "built-in reviser tracks A (1 file)"
    assert "nothing to revise" in read_again("k", "", SourceReport())
    assert "is off" in read_again("k", "", SourceReport(tracked="revise is off", off=True))
    fine = read_again("k", "src/a.jl: 2 definitions", SourceReport(tracked))
    assert "Taken up: src/a.jl: 2 definitions." in fine
    assert "compared with the disk" in fine
    stale = read_again("k", "", SourceReport(tracked, stale=("a.jl: bad; fix it",)))
    assert "WARNING" in stale
    assert "compared" not in stale
    assert "compared" not in read_again("k", "", SourceReport(tracked, changed=("a.jl",)))

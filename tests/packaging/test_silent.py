"""Programs that packaging runs say nothing unless they fail."""

from __future__ import annotations

import pytest
import silent


class UnluckyError(Exception):
    pass


def fails(script: str) -> str:
    with pytest.raises(UnluckyError, match=r"^no list: ") as caught:
        silent.run(["sh", "-c", script], "no list", UnluckyError)
    return str(caught.value).removeprefix("no list: ")


def test_a_program_that_works_is_not_heard_of(capfd: pytest.CaptureFixture[str]) -> None:
    silent.run(["sh", "-c", "echo said; echo so >&2"], "no list", UnluckyError)
    assert capfd.readouterr() == ("", "")


def test_one_that_marks_its_errors_is_quoted_by_those_only() -> None:
    script = "echo lists; (echo 'W: old key'; echo noise; echo 'E: not signed') >&2; exit 100"
    assert fails(script) == "W: old key E: not signed"
    assert fails("echo 'Err:1 it is away'; echo 'E: failed' >&2; exit 1") == (
        "Err:1 it is away E: failed"
    )


def test_of_one_that_marks_nothing_the_last_words_count() -> None:
    assert fails("echo a; echo b; (echo; echo c; echo d) >&2; exit 1") == "b / c / d"
    assert fails("exit 1") == "it did not say why"


def test_one_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent, "TIMEOUT", 0.05)
    assert fails("exec sleep 600") == "no end after 0.05 seconds"


def test_it_is_asked_in_english_and_asks_nothing() -> None:
    assert fails('read answer || echo "$LC_ALL $DEBIAN_FRONTEND $answer"; exit 1') == (
        "C noninteractive"
    )

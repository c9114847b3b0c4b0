"""What differs from run to run is replaced, and nothing else."""

from __future__ import annotations

import pytest

from tests.real_clients.placeholders import Placeholders

PLACES = Placeholders("/tmp/kabc", ("0708c28f",))


@pytest.mark.parametrize(
    ("text", "stable"),
    [
        ("Session 0708c28f, eval 12ab34cd", "Session <key>, eval <eval>"),
        ("no eval 00000000", "no eval 00000000"),
        ("pid 12, up 1.5 s, 407 MiB", "pid <pid>, up <time>, <size>"),
        ("not more often than every 10 s", "not more often than every 10 s"),
        ("2 runs, waiting (0 % CPU)", "2 runs, <what it does> (<number> %)"),
        ("2 runs, using the CPU in part (24 %)", "2 runs, <what it does> (<number> %)"),
        ("cat /tmp/kabc/MyPkg", "cat /home/you/MyPkg"),
        ("| Total   Time\n|     2  10.1s", "| Total  Time\n|     2  <time>"),
        ("2026-03-01T06:00:00 -1.4", "2026-03-01T06:00:00 -1.4"),
    ],
)
def test_a_text_is_the_same_for_every_run(text: str, stable: str) -> None:
    assert PLACES.put_into(text) == stable


def test_the_lines_of_a_log_have_no_times() -> None:
    assert PLACES.put_into("2026-11-28T18:40:03.010Z INFO up", log=True) == "<time> INFO up"

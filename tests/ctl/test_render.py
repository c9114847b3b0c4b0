from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from kaimond.ctl import render

PLAIN = render.Style(colours=False)
BRIGHT = render.Style(colours=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


VIEW = {
    "key": "1a2b3c4d",
    "name": "",
    "state": "ready",
    "health": "ok",
    "uptime": 3700.0,
    "cpu_percent": 12.4,
    "memory_bytes": 300 * 2**20,
    "julia": "1.12.0",
    "project": "/home/me/MyPkg",
    "ended": "",
    "ending": "",
}


def test_a_table_is_aligned_and_leaves_empty_columns_out() -> None:
    text = render.table(("A", "B", "C"), [("x", None, 1), ("longer", "", 22)], PLAIN)
    assert text.split("\n") == ["A       C", "x       1", "longer  22"]


def test_wide_characters_count_twice() -> None:
    text = render.table(("A", "B"), [("日本", "x"), ("abcd", "y")], PLAIN)
    assert text.split("\n")[1:] == ["日本  x", "abcd  y"]


def test_colours_do_not_move_columns() -> None:
    rows = [("ready", "x"), ("crashed", "y")]
    bright = render.table(("A", "B"), rows, BRIGHT, {0: ["green", "red"]})
    plain = render.table(("A", "B"), rows, PLAIN, {0: ["green", "red"]})
    assert "\x1b[32mready\x1b[0m" in bright
    for code in ("\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"):
        bright = bright.replace(code, "")
    assert bright == plain


@given(st.text())
def test_no_value_can_steer_the_terminal(text: str) -> None:
    shown = render.escape(text)
    assert all(character.isprintable() for character in shown)
    shown.encode()


def test_escaped_values_are_still_readable() -> None:
    assert render.escape("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert render.escape("Grüße, 日本") == "Grüße, 日本"


def test_colours_are_for_terminals_without_no_color() -> None:
    assert render.Style.of(Terminal(), {}).paint("x", "red") != "x"
    for stream, environ in (
        (io.StringIO(), {}),
        (Terminal(), {"NO_COLOR": "1"}),
        (Terminal(), {"TERM": "dumb"}),
    ):
        assert render.Style.of(stream, environ).paint("x", "red") == "x"


def test_sessions_are_shown_in_units_for_people() -> None:
    head, row = render.sessions([VIEW], PLAIN).split("\n")
    assert head.split() == ["KEY", "STATE", "HEALTH", "UP", "CPU", "MEMORY", "JULIA", "PROJECT"]
    for part in ("1a2b3c4d", "ready", "ok", "1 h 1 min", "12 %", "300 MiB", "/home/me/MyPkg"):
        assert part in row


def test_an_ended_session_shows_its_ending_instead_of_a_health() -> None:
    ended = {**VIEW, "state": "crashed", "ended": "2026-01-01", "ending": "killed by signal 9"}
    text = render.sessions([ended], PLAIN)
    assert "killed by signal 9" in text
    assert "HEALTH" not in text


def test_status_tells_what_is_not_current() -> None:
    stale = "src/a.jl:3: syntax error\x1b[2J; correct the file"
    view = {"key": "0a1b2c3d", "tracked": "R tracks P (2 files)", "stale": [stale]}
    text = render.status(
        {"sessions": [{**view, "changed": ["src/b.jl"], "remarks": ["Hm."]}]}, PLAIN
    )
    assert "0a1b2c3d  R tracks P (2 files)" in text
    assert "0a1b2c3d  STALE src/a.jl:3: syntax error\\x1b[2J; correct the file" in text
    assert "0a1b2c3d  changed, taken up by the next eval: src/b.jl" in text
    assert "0a1b2c3d  Hm." in text
    assert "STALE" not in render.status({"sessions": [{"key": "x"}]}, PLAIN)


def test_status_tells_daemon_problems_sessions_and_agents() -> None:
    facts = {
        "version": "0.1.0",
        "pid": 7,
        "uptime": 61.0,
        "socket": "/run/s",
        "problems": ["projects.json: broken"],
        "sessions": [VIEW],
        "agents": [{"agent": "ab", "client": "Claude", "pid": 3, "cwd": "/home\x07"}],
    }
    text = render.status(facts, PLAIN)
    assert text.startswith("kaimond 0.1.0 is up for 1 min 1 s (process 7)")
    for part in ("/run/s", "problem: projects.json: broken", "1a2b3c4d", "Claude", "/home\\x07"):
        assert part in text


def test_a_status_of_another_version_with_unknown_and_missing_keys_is_shown() -> None:
    text = render.status({"sessions": [{"key": "x", "new": 1}], "surprise": []}, PLAIN)
    assert "x" in text
    assert "no agents" in text


def test_sizes_have_the_unit_that_fits() -> None:
    sizes = (None, 0, 2048, 5 * 2**20, 3 * 2**30)
    assert [render.memory(size) for size in sizes] == ["", "0 B", "2 KiB", "5 MiB", "3.0 GiB"]


def test_one_of_a_thing_is_no_plural() -> None:
    told = [render.counted(number, "warning") for number in (0, 1, 2)]
    assert told == ["0 warnings", "1 warning", "2 warnings"]

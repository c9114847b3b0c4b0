"""Our block comes and goes; every byte of the user's stays."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kaimond.startup_jl.block import DamagedError, find, installed, own_call, removed, text

HERE = "/opt/kaimond/julia"
LATER = "/home/you/.venv/lib/kaimond/julia"

contents = st.lists(
    st.sampled_from(
        [b"x = 1", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b"# >>> other >>>", b" # <<< kaimon <<<"]
    )
    | st.binary(max_size=5).filter(lambda data: b"\0" not in data),
    max_size=8,
).map(b"".join)


@given(contents)
@example(b"")
@example(b"\n")
@example(b"x = 1")
@example(b"x = 1\r\ny = 2")
@example(b"\xef\xbb\xbfx = 1\r\n")
@example(b"x = '\xff'\r")
def test_installed_twice_and_updated_and_removed_a_file_is_what_it_was(content: bytes) -> None:
    once = installed(content, HERE)
    assert once.startswith(content)
    assert installed(once, HERE) == once
    assert removed(once) == (content, False)
    later = installed(once, LATER)
    assert LATER.encode() in later
    assert HERE.encode() not in later
    assert removed(later) == (content, False)


@given(contents, contents)
def test_what_was_written_behind_the_block_stays_and_joins_no_line(
    content: bytes, behind: bytes
) -> None:
    left = removed(installed(content, HERE) + behind).content
    assert left in {content + behind, content + b"\n" + behind, content + b"\r\n" + behind}
    if content and behind and not content.endswith(b"\n"):
        assert left != content + behind


def test_a_file_that_was_not_there_is_ours_until_somebody_writes_into_it() -> None:
    made = installed(None, HERE)
    assert removed(made) == (b"", True)
    assert removed(installed(made, LATER)) == (b"", True)
    assert removed(b"x = 1\n" + made) == (b"x = 1\n", False)
    assert removed(made + b"x = 1\n") == (b"x = 1\n", False)
    assert removed(installed(b"", HERE)) == (b"", False)


def test_two_lines_of_the_users_never_become_one() -> None:
    once = installed(b"x = 1", HERE) + b"y = 2\n"
    assert removed(once).content == b"x = 1\ny = 2\n"


def test_the_block_has_the_line_ends_of_the_file() -> None:
    once = installed(b"x = 1\r\n", HERE)
    assert once.count(b"\n") == once.count(b"\r\n")
    assert b"\r" not in installed(b"x = 1\n", HERE)


def test_a_block_that_was_moved_stays_where_it_is() -> None:
    once = b"a = 1\n" + installed(None, HERE) + b"b = 2\n"
    later = installed(once, LATER)
    assert later.startswith(b"a = 1\n# >>> kaimon")
    assert later.endswith(b"# <<< kaimon <<<\nb = 2\n")


def test_a_last_line_end_that_an_editor_took_is_no_damage() -> None:
    once = installed(b"x = 1\n", HERE).removesuffix(b"\n")
    assert removed(once).content == b"x = 1\n"
    assert installed(once, HERE) == once + b"\n"


FIRST, LAST = b"# >>> kaimon >>> x\n", b"# <<< kaimon <<<\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (FIRST, "line 1"),
        (b"\n" + LAST, "line 2"),
        (LAST + FIRST, "line 1, 2"),
        (FIRST + FIRST + LAST, "line 1, 2, 3"),
        (FIRST + LAST + FIRST + LAST, "line 1, 2, 3, 4"),
        ("x = 1\n".encode("utf-16"), "not text in UTF-8"),
    ],
)
def test_what_is_not_clear_is_not_touched(content: bytes, words: str) -> None:
    for change in (find, removed, lambda given: installed(given, HERE)):
        with pytest.raises(DamagedError, match=words):
            change(content)


def test_marks_within_a_line_are_no_marks() -> None:
    assert find(b"x = 1 # >>> kaimon >>>\n  # <<< kaimon <<<\n") is None


@pytest.mark.parametrize(
    ("path", "literal"),
    [
        ('/a"b', '"/a\\"b"'),
        ("/a\\b", '"/a\\\\b"'),
        ("/a$b", '"/a\\$b"'),
        ("/a\nb", '"/a\\u000ab"'),
        ("/grün", '"/grün"'),
        ("/{note}{directory}", '"/{note}{directory}"'),
    ],
)
def test_any_path_is_written_as_julia_reads_it(path: str, literal: str) -> None:
    assert f"let packages = {literal}\n" in text(path)


def test_the_block_is_what_the_specification_shows_and_a_little_more() -> None:
    shown = text(HERE)
    for words in (
        'try\n    using Revise\ncatch e\n    @info "\u2139 Revise not loaded (optional)"\nend\n',
        "using Kaimon\n        Gate.serve()\n",
        'catch e\n    @warn "Kaimon Gate failed to start" exception = e\nend\n',
    ):
        assert words in shown
    assert max(map(len, text("").splitlines())) <= 92


def test_a_call_of_the_users_own_is_seen_with_its_line() -> None:
    call = b"using Kaimon\nKaimon.Gate.serve(force=true)\n"
    assert own_call(call) == 2
    assert own_call(installed(call, HERE)) == 2
    assert own_call(installed(b"x = 1\n", HERE)) is None
    assert own_call(b"# Gate.serve()\nx = 1 # Gate.serve()\n") is None
    after = installed(None, HERE) + b"Gate.serve()\n"
    assert own_call(after) == after.count(b"\n")

"""Edits of TOML change one table and nothing else."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaimond.clients import EditError, toml_text

PATH = ("mcp_servers", "kaimon")
VALUES = {"command": "/opt/kaimon-mcp", "tool_timeout_sec": 600}

KEYS = (
    "{k} = 1",
    "{k} = 'C:\\Users\\[x] # no comment'",
    '{k} = "a \\"quoted\\" # word"',
    '{k} = """\n[mcp_servers.kaimon]\ncommand = \\"no\\" # none\n\\""""',
    "{k} = '''\n# [no.header]\n'''''",
    "{k} = [ # first\n  1, # second [\n  2,\n]",
    "{k} = {{ a = 1, b = [1, 2], c = '}}' }}",
    "{k}.below.{k} = 1979-05-27T07:32:00Z",
    "'quoted {k} = [#' = +inf",
    '"{k} \\u00e9 ]" = nan # why not',
    "{k} = 0xff   # hex",
)
HEADERS = (
    "[t{n}]",
    "[ mcp_servers . 's {n}' ]  # spaced",
    "[mcp_servers.s{n}]",
    "[mcp_servers.s{n}.env]",
    "[[list{n}]]",
    "[\"a # b {n}\".'c ] d']",
)
BLANKS = ("", "# comment {n} [mcp_servers.kaimon]", "   # indented {n}", "\t")


@st.composite
def documents(draw: Any, prefix: str = "a") -> str:
    """TOML of statements that are hard to tell apart, with comments between them."""
    lines = []
    for count in range(draw(st.integers(0, 8))):
        number = f"{prefix}{count}"
        kind = draw(st.sampled_from([KEYS, KEYS, HEADERS, BLANKS]))
        line = draw(st.sampled_from(kind))
        lines.append(
            line.format(n=number, k=f"k{number}") if kind is not BLANKS else line.format(n=number)
        )
    newline: str = draw(st.sampled_from(["\n", "\r\n"]))
    text: str = newline.join("\n".join(lines).split("\n"))
    ends: int = draw(st.integers(0, 2))
    return text + newline * ends


def comments(text: str) -> list[str]:
    return re.findall(r"# (?:comment|indented|first|second|spaced|why|hex).*", text)


def same(one: Any, other: Any) -> bool:
    # nan differs from itself.
    return repr(one) == repr(other)


@settings(max_examples=60)
@given(documents())
def test_a_table_is_added_and_everything_else_stays(text: str) -> None:
    before = tomllib.loads(text)

    changed = toml_text.put(text, PATH, VALUES)

    after = tomllib.loads(changed)
    assert after["mcp_servers"].pop("kaimon") == VALUES
    if "mcp_servers" not in before:
        assert after.pop("mcp_servers") == {}
    assert same(after, before)
    assert changed.startswith(text)
    assert toml_text.put(changed, PATH, VALUES) == changed


@settings(max_examples=60)
@given(
    documents("a"),
    documents("b"),
    st.sampled_from(["command = 'old'", "", "x = [\n1,\n]\ncommand = '''\nold'''"]),
)
def test_a_table_in_the_middle_is_changed_and_removed_alone(
    head: str, tail: str, body: str
) -> None:
    head = head if head.endswith("\n") or not head else head + "\n"
    text = f"{head}# before\n[mcp_servers.kaimon] # ours\n{body}\n# behind\n\n[end]\n{tail}"
    before = tomllib.loads(text)

    changed = toml_text.put(text, PATH, VALUES)

    after = tomllib.loads(changed)
    assert {**after["mcp_servers"]["kaimon"], **VALUES} == after["mcp_servers"]["kaimon"]
    assert comments(changed) == comments(text)
    assert "# ours" in changed
    assert "# behind" in changed
    assert toml_text.put(changed, PATH, VALUES) == changed

    gone = toml_text.remove(changed, PATH)

    rest = tomllib.loads(gone)
    del before["mcp_servers"]["kaimon"]
    rest.setdefault("mcp_servers", {})
    assert sorted(map(repr, rest.items())) == sorted(map(repr, before.items()))
    assert comments(gone) == comments(text)
    assert re.search(r"# before\n+# behind", gone)
    assert toml_text.remove(gone, PATH) == gone


@settings(max_examples=60)
@given(documents())
def test_a_table_that_was_added_is_removed_without_a_trace(text: str) -> None:
    gone = toml_text.remove(toml_text.put(text, PATH, VALUES), PATH)

    assert gone.strip() == text.strip()


@settings(max_examples=60)
@given(documents())
def test_a_text_is_cut_at_its_headers_and_nowhere_else(text: str) -> None:
    pieces = toml_text._pieces(text)

    assert "".join(pieces) == text
    headers = [
        line for line in text.splitlines() if re.match(r"\[( mcp|t|mcp_servers\.s|\[|\"a)", line)
    ]
    assert [piece.splitlines()[0] for piece in pieces[1:]] == headers


def test_a_key_that_is_added_stands_above_the_comment_about_the_next_table() -> None:
    text = (
        "[mcp_servers.kaimon]\ncommand = '/opt/kaimon-mcp'\n\n# mine\n[mcp_servers.other]\na = 1\n"
    )

    assert toml_text.put(text, PATH, VALUES) == (
        "[mcp_servers.kaimon]\ncommand = '/opt/kaimon-mcp'\ntool_timeout_sec = 600\n\n"
        "# mine\n[mcp_servers.other]\na = 1\n"
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_mark_at_the_beginning_and_a_missing_end_of_line_stay_as_they_are(newline: str) -> None:
    text = newline.join(["\ufeff[mcp_servers.kaimon]", "command = '/old'"])

    changed = toml_text.put(text, PATH, VALUES)

    expected = ["\ufeff[mcp_servers.kaimon]", 'command = "/opt/kaimon-mcp"']
    assert changed == newline.join([*expected, "tool_timeout_sec = 600"])
    assert toml_text.remove(changed, PATH) == "\ufeff"


def test_tables_that_belong_together_may_be_written_apart() -> None:
    text = (
        "[mcp_servers.a]\nx = 1\n[[list]]\ny = 1\n[mcp_servers.kaimon]\ncommand = '/old'\n"
        "[[other]]\n[[list]]\ny = 2\n"
    )

    changed = toml_text.put(text, PATH, {"command": "/new"})

    assert changed == text.replace("'/old'", '"/new"')
    assert toml_text.remove(changed, PATH) == (
        "[mcp_servers.a]\nx = 1\n[[list]]\ny = 1\n[[other]]\n[[list]]\ny = 2\n"
    )


def test_keys_are_set_where_they_are_and_their_comments_stay() -> None:
    text = (
        "# mine\nmodel = 'o'\n\n[mcp_servers.kaimon]\ncommand = '/old'  # moved\n"
        "tool_timeout_sec = 5\n\n[mcp_servers.kaimon.env]\nA = 'b'\n"
    )

    assert toml_text.put(text, PATH, {"command": "/new", "startup_timeout_sec": 30}) == (
        "# mine\nmodel = 'o'\n\n[mcp_servers.kaimon]\ncommand = \"/new\"  # moved\n"
        "tool_timeout_sec = 5\nstartup_timeout_sec = 30\n\n[mcp_servers.kaimon.env]\nA = 'b'\n"
    )


def test_tables_below_are_removed_too() -> None:
    text = (
        "[mcp_servers.kaimon]\ncommand = 'x'\n\n[other]\na = 1\n\n"
        "[mcp_servers.kaimon.env]\nA = 'b'\n# kept\n"
    )

    assert toml_text.remove(text, PATH) == "\n[other]\na = 1\n\n# kept\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = ", "it is not valid TOML"),
        ("a = 1\na = 2", "it is not valid TOML"),
        ("mcp_servers = 1", "mcp_servers is not a table"),
        ("mcp_servers = {}", "a form that is not changed safely"),
        ("[mcp_servers]\nkaimon = { command = '/old' }", "a form that is not changed safely"),
        ("[mcp_servers]\nkaimon.command = '/old'", "a form that is not changed safely"),
        ("[[mcp_servers.kaimon]]\ncommand = '/old'", "mcp_servers.kaimon is not a table"),
        ("[mcp_servers.kaimon.env]\nA = 'b'", "a form that is not changed safely"),
        ("a = " + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_changed_safely_is_named(text: str, words: str) -> None:
    with pytest.raises(EditError, match=re.escape(words)):
        toml_text.put(text, PATH, VALUES)


def test_an_inline_table_that_says_the_same_is_left_alone() -> None:
    text = "[mcp_servers]\nkaimon = { tool_timeout_sec = 600, command = '/opt/kaimon-mcp' }\n"

    assert toml_text.put(text, PATH, VALUES) == text
    with pytest.raises(EditError, match="a form that is not changed safely"):
        toml_text.remove(text, PATH)

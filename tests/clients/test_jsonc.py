"""Edits of JSON with comments change one member and nothing else."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaimond.clients import EditError, jsonc
from tests.clients import strict

PATH = ("servers", "kaimon")
ENTRY = {"command": "/opt/kaimon-mcp", "args": []}

names = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["// no comment", "/* none */", 'a "quoted" word', "back\\slash", "}{,]"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
servers = st.dictionaries(names.filter(lambda name: name != "kaimon"), values, max_size=4)
documents = st.builds(
    lambda others, listed: others if listed is None else {**others, "servers": listed},
    st.dictionaries(names.filter(lambda name: name != "servers"), values, max_size=4),
    st.none() | servers,
)


class Writer:
    """Writes data as JSON with comments, in a style that chance decides."""

    def __init__(self, chance: random.Random, newline: str) -> None:
        self._chance = chance
        self._newline = newline
        self._numbers = itertools.count()

    def write(self, value: Any) -> str:
        return f"{self.trivia()}{self._value(value)}{self.trivia()}"

    def trivia(self) -> str:
        kinds = ["", " ", "\t", self._newline, f"{self._newline}    "]
        parts = [self._chance.choice(kinds) for _ in range(self._chance.randrange(3))]
        if self._chance.random() < 0.3:
            mark = f"c{next(self._numbers)}"
            line = f'// {mark} "{{,{self._newline}'
            parts.append(self._chance.choice([line, f"/* {mark} }}, */", f'/*{mark}\n "*/']))
        return "".join(parts)

    def _value(self, value: Any) -> str:
        if isinstance(value, dict):
            items = [
                f"{json.dumps(name, ensure_ascii=False)}{self.trivia()}:{self.trivia()}"
                f"{self._value(item)}"
                for name, item in value.items()
            ]
            return "{" + self._joined(items) + "}"
        if isinstance(value, list):
            return "[" + self._joined([self._value(item) for item in value]) + "]"
        return json.dumps(value, ensure_ascii=self._chance.random() < 0.5)

    def _joined(self, items: list[str]) -> str:
        text = ",".join(f"{self.trivia()}{item}{self.trivia()}" for item in items)
        comma = "," if items and self._chance.random() < 0.3 else ""
        return f"{text}{comma}{self.trivia()}"


texts = st.builds(
    lambda data, seed, newline: (data, Writer(random.Random(seed), newline).write(data)),
    documents,
    st.integers(0, 2**32),
    st.sampled_from(["\n", "\r\n"]),
)


def marks(text: str) -> list[str]:
    return re.findall(r"(?:// |/\* ?)(c\d+)", text)


@settings(max_examples=60)
@given(texts)
def test_a_member_is_added_and_everything_else_stays(example: tuple[Any, str]) -> None:
    data, text = example

    changed = jsonc.put(text, PATH, ENTRY)

    wanted = {**data, "servers": {**data.get("servers", {}), "kaimon": ENTRY}}
    assert strict.read(changed) == wanted
    assert list(strict.read(changed)["servers"])[-1] == "kaimon"
    assert marks(changed) == marks(text)
    assert jsonc.put(changed, PATH, ENTRY) == changed


@settings(max_examples=60)
@given(texts)
def test_a_member_that_was_added_is_removed_without_a_trace(example: tuple[Any, str]) -> None:
    data, text = example

    changed = jsonc.remove(jsonc.put(text, PATH, ENTRY), PATH)

    assert strict.read(changed) == {**data, "servers": data.get("servers", {})}
    assert marks(changed) == marks(text)
    assert jsonc.remove(changed, PATH) == changed


@settings(max_examples=60)
@given(texts, st.data())
def test_any_member_is_replaced_or_removed_alone(example: tuple[Any, str], chooser: Any) -> None:
    data, text = example
    if not data:
        return
    name = chooser.draw(st.sampled_from(sorted(data)))
    outside = strict.read(text)

    assert strict.read(jsonc.put(text, (name,), [1, {"a": True}])) == {
        **outside,
        name: [1, {"a": True}],
    }
    del outside[name]
    assert strict.read(jsonc.remove(text, (name,))) == outside


lists = st.builds(
    lambda items, seed, newline: (items, Writer(random.Random(seed), newline).write({"a": items})),
    st.lists(values.filter(lambda value: value != "ours"), max_size=4),
    st.integers(0, 2**32),
    st.sampled_from(["\n", "\r\n"]),
)


@settings(max_examples=60)
@given(lists)
def test_an_item_is_added_to_a_list_once_and_taken_out_alone(
    example: tuple[list[Any], str],
) -> None:
    items, text = example

    changed = jsonc.add(text, ("a",), "ours")

    assert strict.read(changed) == {"a": [*items, "ours"]}
    assert marks(changed) == marks(text)
    assert jsonc.add(changed, ("a",), "ours") == changed
    left = jsonc.discard(changed, ("a",), "ours")
    assert strict.read(left) == {"a": items}
    assert marks(left) == marks(text)
    assert jsonc.discard(left, ("a",), "ours") == left


def test_what_is_no_list_gets_no_item() -> None:
    with pytest.raises(EditError, match=r"permissions\.allow is not a list"):
        jsonc.add('{"permissions": {"allow": "all"}}', ("permissions", "allow"), "ours")


def test_only_what_is_empty_and_says_nothing_is_removed_with_a_member() -> None:
    for text, left in (
        ('{"a": {"b": {}}, "c": 1}', '{"c": 1}'),
        ('{"a": {"b": [], "c": 1}}', '{"a": {"c": 1}}'),
        ('{"a": {"b": {/* mine */}}}', '{"a": {"b": {/* mine */}}}'),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
    ):
        assert jsonc.remove_if_empty(text, ("a", "b")) == left


@settings(max_examples=60)
@given(st.text(st.sampled_from('{}[]:,"\\/* \n1e-tru\ufeffa'), max_size=30))
def test_a_text_is_refused_or_well_edited_whatever_it_is(text: str) -> None:
    with contextlib.suppress(EditError):
        assert strict.read(jsonc.put(text, PATH, ENTRY))["servers"]["kaimon"] == ENTRY


def test_the_layout_of_the_file_is_followed() -> None:
    text = (
        '{\n\t// mine\n\t"servers": {\n\t\t"other": {"command": "x"} // last one\n\t\t// "off": 1\n'
        "\t}\n}\n"
    )

    assert jsonc.put(text, PATH, {"command": "/k"}) == (
        '{\n\t// mine\n\t"servers": {\n\t\t"other": {"command": "x"}, // last one\n'
        '\t\t// "off": 1\n\t\t"kaimon": {\n\t\t\t"command": "/k"\n\t\t}\n\t}\n}\n'
    )


def test_a_comma_behind_the_last_member_stays_the_style() -> None:
    text = '{\n  "servers": {\n    "other": {},\n  },\n}\n'

    assert (
        jsonc.put(text, PATH, 1)
        == '{\n  "servers": {\n    "other": {},\n    "kaimon": 1,\n  },\n}\n'
    )


def test_a_file_on_one_line_stays_on_one_line() -> None:
    assert jsonc.put('{"servers": {"a": 1}}', PATH, {"b": 2}) == (
        '{"servers": {"a": 1, "kaimon": {"b": 2}}}'
    )


@pytest.mark.parametrize("text", ["", "\n", "// only a comment", "/* only */\n"])
def test_a_file_with_nothing_in_it_becomes_an_object(text: str) -> None:
    changed = jsonc.put(text, PATH, ENTRY)

    assert changed.startswith(text)
    assert strict.read(changed) == {"servers": {"kaimon": ENTRY}}
    assert jsonc.remove(text, PATH) == text


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    changed = jsonc.put('\ufeff{\r\n    "a": 1\r\n}\r\n', PATH, ENTRY)

    assert changed.startswith('\ufeff{\r\n    "a": 1,\r\n    "servers": {\r\n')
    assert "\n" not in changed.replace("\r\n", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "the outermost value is not an object"),
        ('{"servers": []}', "servers is not an object"),
        ('{"servers": {}, "servers": {}}', "the key servers is there twice"),
        ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: a comma or } was expected"),
        ('{"a": 1}}', "line 1, column 9: something follows"),
        ("{a: 1}", "a key in double quotes was expected"),
        ("{'a': 1}", "a key in double quotes was expected"),
        ('{"a": 01}', "01 is no value"),
        ('{"a": "x\ny"}', "a text does not end on its line"),
        ('{"a": "\\q"}', "is no value"),
        ('{"a": 1 /* open }', "a comma or } was expected"),
        ('{"a": nul}', "a value was expected"),
        ('{"a": 1,, "b": 2}', "a key in double quotes was expected"),
        ("{" + '"a":{' * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_changed_safely_is_named(text: str, words: str) -> None:
    with pytest.raises(EditError, match=re.escape(words)):
        jsonc.put(text, PATH, ENTRY)

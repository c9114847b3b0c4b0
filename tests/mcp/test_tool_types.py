"""Types of a session's tools as JSON schema, and what surely is of none."""

from __future__ import annotations

from typing import Any

import pytest

from kaimond.gate.tools import Member, Type
from kaimond.mcp.tool_types import complaint, names_complaint, object_schema, schema, short

TEXT = Type("string")
NUMBER = Type("number")
WHOLE = Type("integer", minimum=0, maximum=255)
MODE = Type("enum", choices=("slow", "fast"))
POINT = Type("struct", "Point", members=(Member("x", True, NUMBER), Member("note", False, TEXT)))
MAYBE = Type("union", parts=(Type("nothing"), TEXT))
LIST = Type("list", parts=(WHOLE,))
PAIR = Type("tuple", parts=(Type("integer"), TEXT))
MAP = Type("map", parts=(NUMBER,))
ANY = Type("any")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ANY, {}),
        (Type("nothing"), {"type": "null"}),
        (Type("integer"), {"type": "integer"}),
        (WHOLE, {"type": "integer", "minimum": 0, "maximum": 255}),
        (MODE, {"type": "string", "enum": ["slow", "fast"]}),
        (LIST, {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}),
        (
            PAIR,
            {
                "type": "array",
                "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (MAP, {"type": "object", "additionalProperties": {"type": "number"}}),
        (MAYBE, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        (Type("union", parts=(TEXT, TEXT)), {"type": "string"}),
        (Type("union", parts=(TEXT, ANY)), {}),
        (
            POINT,
            {
                "title": "Point",
                "type": "object",
                "properties": {"x": {"type": "number"}, "note": {"type": "string"}},
                "required": ["x"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_each_type_has_its_schema(kind: Type, expected: dict[str, Any]) -> None:
    assert schema(kind) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ANY, "any"),
        (Type("nothing"), "null"),
        (WHOLE, "integer"),
        (MODE, '"slow" | "fast"'),
        (LIST, "integer[]"),
        (Type("list", parts=(MAYBE,)), "(null | string)[]"),
        (PAIR, "[integer, string]"),
        (MAP, "{[key]: number}"),
        (Type("union", parts=(TEXT, TEXT)), "string"),
        (POINT, "{x: number, note?: string}"),
    ],
)
def test_each_type_is_told_in_short(kind: Type, expected: str) -> None:
    assert short(kind) == expected


def test_a_tool_without_arguments_takes_an_empty_object() -> None:
    assert object_schema(()) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ANY, None),
        (ANY, [{}]),
        (ANY, {"a": "b"}),
        *((WHOLE, value) for value in (1, 300, 2.0)),
        *((NUMBER, value) for value in (1, 1.5)),
        (Type("boolean"), False),
        (Type("nothing"), None),
        (MODE, "slow"),
        *((MAYBE, value) for value in (None, "x")),
        *((LIST, value) for value in ([], [1, 2])),
        (PAIR, [1, "x"]),
        *((MAP, value) for value in ({}, {"a": 1})),
        *((POINT, value) for value in ({"x": 1}, {"x": 1, "note": "n"})),
    ],
)
def test_a_value_of_its_type_is_let_through(kind: Type, value: Any) -> None:
    assert complaint(kind, value, "`v`") == ""


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (WHOLE, 1.5, "`v` must be a whole number, not 1.5"),
        (WHOLE, True, "`v` must be a whole number, not true"),
        (WHOLE, "1", '`v` must be a whole number, not "1"'),
        (NUMBER, None, "`v` must be a number, not null"),
        (Type("boolean"), 1, "`v` must be true or false, not 1"),
        (TEXT, {}, "`v` must be a text, not an object"),
        (TEXT, 10**100, "`v` must be a text, not 1000"),
        (MODE, "warm", '`v` must be one of "slow", "fast", not "warm"'),
        (MODE, ["slow"], '`v` must be one of "slow", "fast", not a list'),
        (MAYBE, 1, "`v` must be a text, not 1"),
        (Type("union", parts=(TEXT, NUMBER)), [], "`v` must be a text or a number, not a list"),
        (LIST, "x", '`v` must be a list, not "x"'),
        (LIST, [1, "x"], '`v`[2] must be a whole number, not "x"'),
        (PAIR, [1], "`v` must be a list of 2 items, not of 1"),
        (PAIR, ["x", 1], '`v`[1] must be a whole number, not "x"'),
        (MAP, {"a": "b"}, '`v`.a must be a number, not "b"'),
        (POINT, 1, "`v` must be an object, not 1"),
        (POINT, {}, "`v`: missing field `x`"),
        (POINT, {"x": 1, "y": 2}, "`v`: unknown field `y`"),
        (POINT, {"x": "1"}, '`v`.x must be a number, not "1"'),
        (Type("list", parts=(POINT,)), [{"x": None}], "`v`[1].x must be a number, not null"),
    ],
)
def test_what_surely_cannot_be_used_is_told(kind: Type, value: Any, words: str) -> None:
    assert complaint(kind, value, "`v`").startswith(words)


def test_names_are_compared() -> None:
    members = (Member("a", True, TEXT), Member("b", False, TEXT))
    assert names_complaint(members, {"a": 1}) == ""
    assert names_complaint(members, {"c": 1}) == "unknown parameter `c`; missing parameter `a`"

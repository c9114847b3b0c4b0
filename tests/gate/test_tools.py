"""What the gate says of tools, and how they are called."""

from __future__ import annotations

import pytest

from kaimond.gate.frames import FrameError
from kaimond.gate.tools import Member, Offer, ToolSpec, Type, call_fields, read_offer


def fields(text: str) -> list[tuple[str, bytes]]:
    """Fields written as ``name=value``, separated by blanks."""
    pairs = [word.partition("=") for word in text.split()]
    return [(name, value.encode()) for name, _, value in pairs]


def one_type(text: str) -> Type:
    """The type of the one argument of the one tool."""
    (tool,) = read_offer(fields(f"tool=f doc= parameter=x required=1 {text}")).tools
    (argument,) = tool.arguments
    return argument.type


def test_no_tools_are_an_empty_offer() -> None:
    assert read_offer([]) == Offer()
    assert read_offer(fields("revision=3")) == Offer()
    assert read_offer(fields("revision=3 namespace=n")) == Offer("n")


def test_tools_come_in_their_order_with_their_arguments() -> None:
    offer = read_offer(
        fields(
            "revision=1 namespace=n tool=f doc=what parameter=x required=1 type=string "
            "parameter=y required=0 type=boolean tool=__g doc="
        )
    )
    arguments = (Member("x", True, Type("string")), Member("y", False, Type("boolean")))
    assert offer == Offer("n", (ToolSpec("f", "what", arguments), ToolSpec("__g", "", ())))
    assert [tool.hidden for tool in offer.tools] == [False, True]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("type=any", Type("any")),
        ("type=integer", Type("integer")),
        ("type=integer minimum=-128 maximum=127", Type("integer", minimum=-128, maximum=127)),
        ("type=enum choice=a choice=b", Type("enum", choices=("a", "b"))),
        (
            "type=list type=list type=number",
            Type("list", parts=(Type("list", parts=(Type("number"),)),)),
        ),
        ("type=map type=any", Type("map", parts=(Type("any"),))),
        (
            "type=union parts=2 type=nothing type=string",
            Type("union", parts=(Type("nothing"), Type("string"))),
        ),
        ("type=tuple parts=1 type=any", Type("tuple", parts=(Type("any"),))),
        (
            "type=struct name=P parts=1 field=x required=0 type=number",
            Type("struct", "P", members=(Member("x", False, Type("number")),)),
        ),
    ],
)
def test_a_type_is_followed_by_its_parts(text: str, kind: Type) -> None:
    assert one_type(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "doc=x",
        "tool=f",
        "tool=f doc= parameter=x required=1",
        "tool=f doc= parameter=x type=any",
        "tool=f doc= parameter=x required=1 type=odd",
        "tool=f doc= parameter=x required=1 type=list",
        "tool=f doc= parameter=x required=1 type=union parts=x",
        "tool=f doc= parameter=x required=1 type=union parts=2 type=any",
        "tool=f doc= parameter=x required=1 type=struct name=P parts=1 field=y type=any",
        "tool=f doc= parameter=x required=1 type=integer minimum=low",
        "tool=f doc= parameter=x required=1 " + "type=list " * 100 + "type=any",
        "tool=f doc= what=ever",
    ],
)
def test_what_is_not_of_the_agreed_form_is_an_error(text: str) -> None:
    with pytest.raises(FrameError, match="description"):
        read_offer(fields(text))


def test_a_call_is_written_value_by_value() -> None:
    given = {
        "a": None,
        "b": True,
        "c": 1,
        "d": 1.5,
        "e": "é",
        "f": [1, [], "x"],
        "g": {"k": {"l": False}},
    }
    assert call_fields("tool", given) == (
        ("tool", "tool"),
        *(("argument", "a"), ("null", "")),
        *(("argument", "b"), ("boolean", "true")),
        *(("argument", "c"), ("integer", "1")),
        *(("argument", "d"), ("number", "1.5")),
        *(("argument", "e"), ("text", "é")),
        *(("argument", "f"), ("list", "3"), ("integer", "1"), ("list", "0"), ("text", "x")),
        *(("argument", "g"), ("map", "1"), ("key", "k"), ("map", "1"), ("key", "l")),
        ("boolean", "false"),
    )

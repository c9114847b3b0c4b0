"""Parses JSON with comments and records the position of each member.

Editors write their settings with comments and trailing commas; this parser accepts both, and
no other extension of JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.clients import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRIVIA: Final = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR: Final = re.compile(r"-?\d[\d.eE+-]*|true|false|null")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its position in the text.

    Attributes:
        start: offset of the first character.
        end: offset just after the last character.
        value: the value as Python data.
        members: the members of an object, in the order of the text; None for any other value.
        items: the items of a list, in the order of the text; None for any other value.
    """

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] | None = None
    items: tuple[Member, ...] | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object, or an item of a list.

    Attributes:
        name: the key; "" for an item.
        start: offset of the key, or of the item.
        node: the value.
        comma: offset of the comma after it, -1 if there is none.
    """

    name: str
    start: int
    node: Node
    comma: int


def parse(text: str) -> Node:
    """Return the value that ``text`` holds.

    Raises:
        EditError: it is neither JSON nor JSON with comments; the message gives the line.
    """
    try:
        node = _Parser(text).document()
    except RecursionError:
        raise EditError("its values are nested too deeply") from None
    return node


def is_empty(text: str) -> bool:
    """Return whether there are only blanks and comments, which editors treat as ``{}``."""
    found = _TRIVIA.match(text, _begin(text))
    return found is not None and found.end() == len(text)


def find(root: Node, path: Sequence[str]) -> Member | None:
    """Return the member at ``path``, or None.

    Raises:
        EditError: something on the way is not an object, or is there twice.
    """
    node, member = root, None
    for depth, name in enumerate(path):
        member = member_of(node, path[:depth], name)
        if member is None:
            return None
        node = member.node
    return member


def member_of(node: Node, path: Sequence[str], name: str) -> Member | None:
    """Return the member ``name`` of the object ``node`` at ``path``, or None.

    Raises:
        EditError: ``node`` is not an object, or the member is there twice.
    """
    if node.members is None:
        where = ".".join(path) or "the outermost value"
        raise EditError(f"{where} is not an object")
    found = [member for member in node.members if member.name == name]
    if len(found) > 1:
        raise EditError(f"the key {'.'.join((*path, name))} is there twice")
    return found[0] if found else None


def _begin(text: str) -> int:
    """Return the offset of the text proper: editors may put a byte order mark before it."""
    return 1 if text.startswith("\ufeff") else 0


class _Parser:
    """A parser of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = _begin(text)

    def document(self) -> Node:
        self._skip()
        node = self._value()
        self._skip()
        if self._at < len(self._text):
            raise self._error("something follows the outermost value")
        return node

    def _skip(self) -> None:
        found = _TRIVIA.match(self._text, self._at)
        assert found
        self._at = found.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _value(self) -> Node:
        begin = self._peek()
        if begin == "{":
            return self._object()
        if begin == "[":
            return self._array()
        start = self._at
        value = self._string() if begin == '"' else self._scalar()
        return Node(start, self._at, value)

    def _object(self) -> Node:
        start, members = self._at, []
        self._at += 1
        self._skip()
        while self._peek() != "}":
            begin = self._at
            if self._peek() != '"':
                raise self._error("a key in double quotes was expected")
            name = self._string()
            self._skip()
            if self._peek() != ":":
                raise self._error("a colon was expected")
            self._at += 1
            self._skip()
            node = self._value()
            comma = self._comma("}")
            members.append(Member(name, begin, node, comma))
        self._at += 1
        value = {member.name: member.node.value for member in members}
        return Node(start, self._at, value, tuple(members))

    def _array(self) -> Node:
        start, items = self._at, []
        self._at += 1
        self._skip()
        while self._peek() != "]":
            node = self._value()
            items.append(Member("", node.start, node, self._comma("]")))
        self._at += 1
        return Node(start, self._at, [item.node.value for item in items], items=tuple(items))

    def _comma(self, closing: str) -> int:
        self._skip()
        if self._peek() == closing:
            return -1
        if self._peek() != ",":
            raise self._error(f"a comma or {closing} was expected")
        comma = self._at
        self._at += 1
        self._skip()
        return comma

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if not found:
            raise self._error("a text does not end on its line")
        return str(self._decoded(found))

    def _scalar(self) -> Any:
        found = _SCALAR.match(self._text, self._at)
        if not found:
            raise self._error("a value was expected")
        return self._decoded(found)

    def _decoded(self, found: re.Match[str]) -> Any:
        try:
            value = json.loads(found[0])
        except ValueError:
            raise self._error(f"{found[0][:40]} is no value") from None
        self._at = found.end()
        return value

    def _error(self, what: str) -> EditError:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - self._text.rfind("\n", 0, self._at)
        return EditError(f"line {line}, column {column}: {what}")

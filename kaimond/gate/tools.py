"""Tools that a session's own code offers: their descriptions and how they are called.

Both are flat lists of fields, like every message; the parts of a type or value follow it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.gate.frames import FrameError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEEPEST: Final = 20
"""Maximum nesting of types; the gate sends fewer levels."""

_PLAIN: Final = frozenset({"any", "nothing", "boolean", "number", "string"})


@dataclass(frozen=True)
class Type:
    """The type of an argument.

    Attributes:
        kind: any, nothing, boolean, integer, number, string, enum, list, tuple, map, struct or
            union.
        name: name of a struct, "" if it has none.
        choices: names of an enum's values.
        parts: types of a list's elements, a map's values, a tuple's items, a union's members.
        members: fields of a struct.
        minimum: minimum of an integer, if Julia's type has one that matters.
        maximum: maximum of an integer, likewise.
    """

    kind: str
    name: str = ""
    choices: tuple[str, ...] = ()
    parts: tuple[Type, ...] = ()
    members: tuple[Member, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Member:
    """An argument of a tool, or a field of a struct.

    Attributes:
        name: the name that agents use.
        required: whether it must be given.
        type: its type.
    """

    name: str
    required: bool
    type: Type


@dataclass(frozen=True)
class ToolSpec:
    """A tool.

    Attributes:
        name: its name within the session.
        doc: its description.
        arguments: its arguments, in the order of the Julia function.
    """

    name: str
    doc: str
    arguments: tuple[Member, ...]

    @property
    def hidden(self) -> bool:
        """Whether it is omitted from lists of tools."""
        return self.name.startswith("__")


@dataclass(frozen=True)
class Offer:
    """All tools of a session.

    Attributes:
        namespace: prefix of its tools' names for agents, "" if it has set none.
        tools: the tools, in the session's order.
    """

    namespace: str = ""
    tools: tuple[ToolSpec, ...] = ()


def read_offer(fields: Sequence[tuple[str, bytes]]) -> Offer:
    """Parse the fields of a `tools` message.

    Raises:
        FrameError: the fields are malformed.
    """
    reader = _Reader(fields)
    reader.optional("revision")
    namespace = reader.optional("namespace")
    tools = []
    while not reader.done:
        name, doc = reader.text("tool"), reader.text("doc")
        tools.append(ToolSpec(name, doc, tuple(reader.members("parameter"))))
    return Offer(namespace, tuple(tools))


class _Reader:
    """Reads the fields of a description one by one."""

    def __init__(self, fields: Sequence[tuple[str, bytes]]) -> None:
        self._left = deque(fields)

    @property
    def done(self) -> bool:
        return not self._left

    def text(self, name: str) -> str:
        if not self._left or self._left[0][0] != name:
            found = self._left[0][0] if self._left else "the end"
            raise FrameError(f"a tool's description has {found} where {name} belongs")
        return self._left.popleft()[1].decode("utf-8", "replace")

    def optional(self, name: str) -> str:
        return self.text(name) if self._left and self._left[0][0] == name else ""

    def number(self, name: str) -> int:
        try:
            return int(self.text(name))
        except ValueError:
            raise FrameError(f"a tool's description has a {name} that is no number") from None

    def members(self, name: str, depth: int = 0) -> list[Member]:
        found = []
        while self._left and self._left[0][0] == name:
            found.append(Member(self.text(name), self.text("required") == "1", self.type(depth)))
        return found

    def type(self, depth: int) -> Type:
        if depth > _DEEPEST:
            raise FrameError("a tool's description is nested too deeply")
        kind = self.text("type")
        if kind == "integer":
            return Type(kind, minimum=self._limit("minimum"), maximum=self._limit("maximum"))
        if kind == "enum":
            choices = []
            while self._left and self._left[0][0] == "choice":
                choices.append(self.text("choice"))
            return Type(kind, choices=tuple(choices))
        if kind in {"list", "map"}:
            return Type(kind, parts=(self.type(depth + 1),))
        if kind in {"tuple", "union"}:
            count = self.number("parts")
            return Type(kind, parts=tuple(self.type(depth + 1) for _ in range(count)))
        if kind == "struct":
            name, count = self.text("name"), self.number("parts")
            members = tuple(self._member(depth + 1) for _ in range(count))
            return Type(kind, name, members=members)
        if kind in _PLAIN:
            return Type(kind)
        raise FrameError(f"a tool's description has a type of the unknown kind {kind}")

    def _member(self, depth: int) -> Member:
        return Member(self.text("field"), self.text("required") == "1", self.type(depth))

    def _limit(self, name: str) -> int | None:
        return self.number(name) if self._left and self._left[0][0] == name else None


def call_fields(name: str, given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the fields that make an `eval` a tool call.

    Args:
        name: the tool's name within its session.
        given: the arguments, as JSON values.
    """
    fields = [("tool", name)]
    for argument, value in given.items():
        fields.append(("argument", argument))
        _add_value(fields, value)
    return tuple(fields)


def _add_value(fields: list[tuple[str, str]], value: Any) -> None:
    if value is None:
        fields.append(("null", ""))
    elif isinstance(value, bool):
        fields.append(("boolean", "true" if value else "false"))
    elif isinstance(value, int):
        fields.append(("integer", str(value)))
    elif isinstance(value, float):
        fields.append(("number", repr(value)))
    elif isinstance(value, str):
        fields.append(("text", value))
    elif isinstance(value, list):
        fields.append(("list", str(len(value))))
        for item in value:
            _add_value(fields, item)
    else:
        fields.append(("map", str(len(value))))
        for key, item in value.items():
            fields.append(("key", key))
            _add_value(fields, item)

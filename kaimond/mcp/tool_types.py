"""The types of session tools as JSON schema and in short, and checks of values against them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaimond.gate.tools import Member, Type

_SIMPLE: Final = {
    "nothing": "null",
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "string": "string",
}

_WORDS: Final = {
    "nothing": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "map": "an object",
    "struct": "an object",
}

_WIDEST: Final = 60
"""Most characters of a value in a message."""


def schema(kind: Type) -> dict[str, Any]:
    """Return the JSON schema of a type."""
    if kind.kind in _SIMPLE:
        limits = {"minimum": kind.minimum, "maximum": kind.maximum}
        return {
            "type": _SIMPLE[kind.kind],
            **{name: limit for name, limit in limits.items() if limit is not None},
        }
    match kind.kind:
        case "enum":
            return {"type": "string", "enum": list(kind.choices)}
        case "list":
            return {"type": "array", "items": schema(kind.parts[0])}
        case "tuple":
            # Not prefixItems, which fewer clients know.
            items = _distinct(kind.parts)
            count = len(kind.parts)
            return {"type": "array", "items": _any_of(items), "minItems": count, "maxItems": count}
        case "map":
            return {"type": "object", "additionalProperties": schema(kind.parts[0])}
        case "struct":
            title = {"title": kind.name} if kind.name else {}
            return {**title, **object_schema(kind.members)}
        case "union":
            return _any_of(_distinct(kind.parts))
        case _:
            return {}


def object_schema(members: Sequence[Member]) -> dict[str, Any]:
    """Return the JSON schema of an object with these members and no others."""
    return {
        "type": "object",
        "properties": {member.name: schema(member.type) for member in members},
        "required": [member.name for member in members if member.required],
        "additionalProperties": False,
    }


_SHORT: Final = {**_SIMPLE, "any": "any"}


def short(kind: Type) -> str:
    """Return a type in the notation of TypeScript, which models read with ease."""
    match kind.kind:
        case "enum":
            return " | ".join(map(json.dumps, kind.choices))
        case "list":
            part = short(kind.parts[0])
            return f"({part})[]" if " | " in part else f"{part}[]"
        case "tuple":
            return f"[{', '.join(map(short, kind.parts))}]"
        case "map":
            return f"{{[key]: {short(kind.parts[0])}}}"
        case "struct":
            return f"{{{short_members(kind.members)}}}"
        case "union":
            return " | ".join(dict.fromkeys(map(short, kind.parts)))
        case _:
            return _SHORT[kind.kind]


def short_members(members: Sequence[Member]) -> str:
    """Return the names and types of arguments or fields; `?` marks those that may be left out."""
    return ", ".join(
        f"{member.name}{'' if member.required else '?'}: {short(member.type)}" for member in members
    )


def _distinct(kinds: Sequence[Type]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for kind in kinds:
        one = schema(kind)
        if one not in found:
            found.append(one)
    return found


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if len(schemas) == 1:
        return schemas[0]
    return {"anyOf": schemas} if {} not in schemas and schemas else {}


def complaint(kind: Type, value: Any, what: str) -> str:
    """Return why `value` cannot be what a type asks for, as a clause; "" if nothing is known.

    Only Julia decides in the end whether it can be used; this finds what surely cannot, before
    anything is queued.

    Args:
        kind: the type.
        value: the value as the agent wrote it.
        what: the value's name, for the clause.
    """
    match kind.kind:
        case "any":
            return ""
        case "union":
            return _union_complaint(kind, value, what)
        case "enum":
            choices = ", ".join(map(json.dumps, kind.choices))
            wrong = f"{what} must be one of {choices}, not {_shown(value)}"
            return "" if value in kind.choices else wrong
        case "list" | "tuple":
            return _list_complaint(kind, value, what)
        case "map" | "struct":
            return _object_complaint(kind, value, what)
        case _:
            return "" if _is(kind.kind, value) else _must(kind, value, what)


def names_complaint(
    members: Sequence[Member], given: dict[str, Any], what: str = "", noun: str = "parameter"
) -> str:
    """Return which names are unknown and which are missing, as a clause; "" if none."""
    known = [member.name for member in members]
    wrong = [f"unknown {noun} `{name}`" for name in given if name not in known]
    wrong += [
        f"missing {noun} `{member.name}`"
        for member in members
        if member.required and member.name not in given
    ]
    return f"{what}{'; '.join(wrong)}" if wrong else ""


def _is(kind: str, value: Any) -> bool:
    if kind == "nothing":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind == "number" or isinstance(value, int) or value.is_integer()


def _must(kind: Type, value: Any, what: str) -> str:
    return f"{what} must be {_WORDS[kind.kind]}, not {_shown(value)}"


def _union_complaint(kind: Type, value: Any, what: str) -> str:
    told = [complaint(part, value, what) for part in kind.parts]
    if not all(told):
        return ""
    real = [text for part, text in zip(kind.parts, told, strict=True) if part.kind != "nothing"]
    if len(real) == 1:
        return real[0]
    words = dict.fromkeys(_WORDS.get(part.kind, part.kind) for part in kind.parts)
    return f"{what} must be {' or '.join(words)}, not {_shown(value)}"


def _list_complaint(kind: Type, value: Any, what: str) -> str:
    if not isinstance(value, list):
        return _must(kind, value, what)
    if kind.kind == "list":
        parts = kind.parts * len(value)
    elif len(value) == len(kind.parts):
        parts = kind.parts
    else:
        return f"{what} must be a list of {len(kind.parts)} items, not of {len(value)}"
    # Counted from 1, as in Julia.
    told = (
        complaint(part, item, f"{what}[{number}]")
        for number, (part, item) in enumerate(zip(parts, value, strict=True), 1)
    )
    return next(filter(None, told), "")


def _object_complaint(kind: Type, value: Any, what: str) -> str:
    if not isinstance(value, dict):
        return _must(kind, value, what)
    if kind.kind == "map":
        types = dict.fromkeys(value, kind.parts[0])
    else:
        wrong = names_complaint(kind.members, value, f"{what}: ", "field")
        if wrong:
            return wrong
        types = {member.name: member.type for member in kind.members}
    told = (complaint(types[name], item, f"{what}.{name}") for name, item in value.items())
    return next(filter(None, told), "")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."

"""Changes one member or item of a JSON text and leaves every other byte as it is.

Parsing JSON with comments and writing it again would lose the comments, so both edits cut and
insert text at the offsets that `jsonc_tree` found. Plain JSON works the same way.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from kaimond.clients import EditError
from kaimond.clients.jsonc_tree import find, is_empty, member_of, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaimond.clients.jsonc_tree import Member, Node

_UNIT: Final = re.compile(r"^([ \t]+)[^ \t\r\n]", re.MULTILINE)
_BLANK: Final = " \t\r\n"


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Set the member at ``path``; create the objects on the way that are missing.

    A member that already has the value is left as it is written.

    Raises:
        EditError: ``text`` cannot be read, or something on the way is not an object.
    """
    text = _filled(text)
    node = root = parse(text)
    wanted = _with(root.value, path, value)
    for depth, name in enumerate(path):
        member = member_of(node, path[:depth], name)
        if member is None:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            key = f"{json.dumps(name, ensure_ascii=False)}: "
            return _proved(_insert(text, node, key, value), wanted)
        node = member.node
    if _same(node.value, value):
        return text
    written = _written(text, value, _indent_at(text, node.start))
    return _proved(text[: node.start] + written + text[node.end :], wanted)


def add(text: str, path: Sequence[str], item: Any) -> str:
    """Add an item to the list at ``path``, unless it has it; create the list if it is missing.

    Raises:
        EditError: ``text`` cannot be read, or what is at ``path`` is not a list.
    """
    text = _filled(text)
    root = parse(text)
    found = find(root, path)
    if found is None:
        return put(text, path, [item])
    items = _items(found.node, path)
    if any(_same(each.node.value, item) for each in items):
        return text
    wanted = _with(root.value, path, [*found.node.value, item])
    return _proved(_insert(text, found.node, "", item), wanted)


def remove(text: str, path: Sequence[str]) -> str:
    """Remove the member at ``path``; return a text without it unchanged.

    Raises:
        EditError: ``text`` cannot be read, or something on the way is not an object.
    """
    if is_empty(text):
        return text
    root = parse(text)
    member = find(root, path)
    if member is None:
        return text
    parent = find(root, path[:-1])
    node = parent.node if parent else root
    assert node.members is not None
    return _proved(_cut(text, node, node.members, member), _without(root.value, path))


def discard(text: str, path: Sequence[str], item: Any) -> str:
    """Remove an item from the list at ``path``; return a text without it unchanged.

    Raises:
        EditError: ``text`` cannot be read, or what is at ``path`` is not a list.
    """
    if is_empty(text):
        return text
    root = parse(text)
    found = find(root, path)
    if found is None:
        return text
    items = _items(found.node, path)
    member = next((each for each in items if _same(each.node.value, item)), None)
    if member is None:
        return text
    left = [each.node.value for each in items if each is not member]
    return _proved(_cut(text, found.node, items, member), _with(root.value, path, left))


def remove_if_empty(text: str, path: Sequence[str]) -> str:
    """Remove the object or list at ``path`` if it is empty, then those around it likewise.

    The outermost value stays, and so does what holds a comment.

    Raises:
        EditError: ``text`` cannot be read, or something on the way is not an object.
    """
    while path and not is_empty(text):
        found = find(parse(text), path)
        if found is None or found.node.value not in ({}, []):
            break
        if text[found.node.start + 1 : found.node.end - 1].strip(_BLANK):
            break
        text = remove(text, path)
        path = path[:-1]
    return text


def _filled(text: str) -> str:
    """Return a text that has an outermost value."""
    if not is_empty(text):
        return text
    text = f"{text}{_newline(text)}" if text.strip() and not text.endswith("\n") else text
    return f"{text}{{}}{_newline(text)}"


def _items(node: Node, path: Sequence[str]) -> tuple[Member, ...]:
    if node.items is None:
        raise EditError(f"{'.'.join(path)} is not a list")
    return node.items


def _cut(text: str, node: Node, siblings: Sequence[Member], member: Member) -> str:
    """Take one of the members or items of ``node`` out."""
    begin, end = member.start, member.node.end
    commas = []
    if member.comma >= 0:
        if not text[end : member.comma].strip(_BLANK):
            end = member.comma + 1
        else:
            commas.append(member.comma)
    else:
        before = siblings.index(member) - 1
        if before >= 0:
            commas.append(siblings[before].comma)
    begin, end = _whole_lines(text, begin, end)
    before_blanks = len(text[:begin].rstrip(" \t"))
    if begin == member.start and before_blanks > _line_start(text, begin):
        begin = before_blanks  # what it follows on its line stays as it was before
        if siblings[0] is member:
            end += len(text[end:]) - len(text[end:].lstrip(" \t"))
    if len(siblings) == 1 and not (text[node.start + 1 : begin] + text[end : node.end - 1]).strip(
        _BLANK
    ):
        begin, end = node.start + 1, node.end - 1
    cuts = sorted([(begin, end), *((comma, comma + 1) for comma in commas)], reverse=True)
    for begin, end in cuts:
        text = text[:begin] + text[end:]
    return text


def _insert(text: str, node: Node, key: str, value: Any) -> str:
    """Add a member after the last one of the object or list ``node``.

    Args:
        text: the whole text.
        node: where to add it.
        key: the key and its colon, as written; "" for an item of a list.
        value: the value.
    """
    siblings = node.members if node.items is None else node.items
    assert siblings is not None
    closing = node.end - 1
    last = siblings[-1] if siblings else None
    if last and "\n" not in text[node.start : node.end]:
        body = f"{key}{json.dumps(value, ensure_ascii=False)}"
        if last.comma >= 0:
            return f"{text[: last.comma + 1]} {body},{text[last.comma + 1 :]}"
        return f"{text[: last.node.end]}, {body}{text[last.node.end :]}"
    newline, base = _newline(text), _indent_at(text, node.start)
    indent = base + _unit(text)
    if last and not text[_line_start(text, last.start) : last.start].strip(_BLANK):
        indent = _indent_at(text, last.start)
    body = f"{newline}{indent}{key}{_written(text, value, indent)}"
    # Insert after any comment that follows the last member.
    place = len(text[:closing].rstrip(_BLANK))
    line_end = text.find("\n", place, closing)
    if line_end >= 0:
        place = line_end - 1 if text[line_end - 1] == "\r" and line_end > place else line_end
    after = text[place:] if line_end >= 0 else f"{newline}{base}{text[closing:]}"
    if last is None:
        if not text[node.start + 1 : closing].strip(_BLANK):
            return f"{text[: node.start + 1]}{body}{newline}{base}{text[closing:]}"
        return text[:place] + body + after
    if last.comma >= 0:
        return f"{text[:place]}{body},{after}"
    return f"{text[: last.node.end]},{text[last.node.end : place]}{body}{after}"


def _whole_lines(text: str, begin: int, end: int) -> tuple[int, int]:
    """Widen a cut to whole lines if they hold nothing else."""
    first = _line_start(text, begin)
    last = text.find("\n", end)
    if last >= 0 and not text[first:begin].strip(_BLANK) and not text[end:last].strip(_BLANK):
        return first, last + 1
    return begin, end


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _indent_at(text: str, offset: int) -> str:
    line = text[_line_start(text, offset) :].lstrip("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = _UNIT.search(text)
    return found[1] if found else "  "


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _written(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return f"{_newline(text)}{indent}".join(lines)


def _proved(text: str, wanted: Any) -> str:
    """Return ``text`` if it parses to exactly ``wanted``."""
    if not _same(parse(text).value, wanted):
        raise EditError("it is written in a form that is not changed safely")
    return text


def _with(data: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    below = data if isinstance(data, dict) else {}
    return {**below, path[0]: _with(below.get(path[0], {}), path[1:], value)}


def _without(data: Any, path: Sequence[str]) -> Any:
    name, *rest = path
    if not rest:
        return {key: value for key, value in data.items() if key != name}
    return {**data, name: _without(data[name], rest)}


def _same(one: Any, other: Any) -> bool:
    # Python's == treats 1, 1.0 and True as equal.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

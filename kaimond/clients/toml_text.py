"""Changes one table of a TOML text and leaves every other byte as it is.

The text is cut into its statements; what a statement's key or header means is asked of `tomllib`,
and so is the result of every edit: one that would say anything else than was meant is refused.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from kaimond.clients.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BLANK: Final = " \t\r\n"
_QUOTES: Final = ('"""', "'''", '"', "'")


@dataclass(frozen=True, slots=True)
class Statement:
    """A header or a key with its value, without the comment behind it.

    Attributes:
        start: offset of its first character.
        end: offset behind its last one.
        path: of the table that a header opens, or the key relative to its table.
        is_header: whether it is a header.
    """

    start: int
    end: int
    path: tuple[str, ...]
    is_header: bool


def parse(text: str) -> dict[str, Any]:
    """What ``text`` says.

    Raises:
        EditError: it is not TOML.
    """
    try:
        # A text file may begin with a mark that TOML does not know and editors write.
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise EditError("its values are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and numbers beyond what int() takes
        raise EditError(f"it is not valid TOML: {error}") from None


def find(data: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What is at ``path``, None if there is nothing.

    Raises:
        EditError: something on the way is no table.
    """
    node: Any = data
    for depth, name in enumerate(path):
        if not isinstance(node, dict):
            raise EditError(f"{'.'.join(path[:depth])} is not a table")
        node = node.get(name)
        if node is None:
            return None
    return node


def put(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    """Set keys of the table at ``path``, which is made at the end of the text if it is missing.

    Raises:
        EditError: ``text`` cannot be read, or the table is written in a form that cannot be
            changed safely.
    """
    data = parse(text)
    table = find(data, path)
    if table is None:
        changed = _appended(text, path, values)
    elif not isinstance(table, dict):
        raise EditError(f"{'.'.join(path)} is not a table")
    else:
        missing = {key: value for key, value in values.items() if table.get(key) != value}
        if not missing:
            return text
        changed = _set_keys(text, tuple(path), missing)
    return _proved(changed, [_with(data, path, values)])


def remove(text: str, path: Sequence[str]) -> str:
    """Take the table at ``path`` and those below it out; a text without it is returned as it is.

    Raises:
        EditError: ``text`` cannot be read, or the table is written in a form that cannot be taken
            out safely.
    """
    data = parse(text)
    if find(data, path) is None:
        return text
    changed = text
    for begin, end in reversed(_blocks(text, tuple(path))):
        before, after = changed[:begin], changed[end:]
        # The empty line that `put` has made goes with the table that it was made for.
        if before.endswith(("\n\n", "\n\r\n")) and not after.strip(_BLANK):
            before = before[: -2 if before.endswith("\r\n") else -1]
        changed = before + after
    # Where there was no header for the tables above it, they go with it.
    return _proved(changed, [_without(data, path[:depth]) for depth in range(len(path), 0, -1)])


def statements(text: str) -> list[Statement]:
    """The statements of a text that `parse` has accepted, in order."""
    found, at = [], 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        else:
            statement, at = _statement(text, at)
            found.append(statement)
    return found


def _statement(text: str, start: int) -> tuple[Statement, int]:
    at, end, depth, equals = start, start, 0, -1
    while at < len(text):
        character = text[at]
        if character == "#":
            at = _line_end(text, at)
        elif character == "\n" and depth == 0:
            break
        elif character in "\"'":
            at = end = _string_end(text, at)
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
            if character == "=" and equals < 0:
                equals = at
            at += 1
            if character not in _BLANK:
                end = at
    is_header = text[start] == "["
    example = text[start:end] if is_header else f"{text[start:equals]}= 0"
    return Statement(start, end, _path(tomllib.loads(example)), is_header), at


def _string_end(text: str, start: int) -> int:
    quote = next(mark for mark in _QUOTES if text.startswith(mark, start))
    at = start + len(quote)
    while not text.startswith(quote, at):
        at += 2 if text[at] == "\\" and quote[0] == '"' else 1
    at += len(quote)
    # Up to two quotes more belong to a text in triple quotes.
    extra = re.compile(f"{quote[0]}{{0,2}}").match(text, at) if len(quote) > 1 else None
    return extra.end() if extra else at


def _path(example: Any) -> tuple[str, ...]:
    names = []
    while isinstance(example, dict) and example:
        ((name, example),) = example.items()
        names.append(name)
        if isinstance(example, list):
            example = example[0]
    return tuple(names)


def _appended(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    newline = _newline(text)
    nested: dict[str, Any] = dict(values)
    for name in reversed(path):
        nested = {name: nested}
    block = tomli_w.dumps(nested).replace("\n", newline)
    if text.strip(_BLANK + "\ufeff"):
        text = text if text.endswith("\n") else text + newline
        text += newline
    return text + block


def _set_keys(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    listed = statements(text)
    headers = [item for item in listed if item.is_header and item.path == path]
    if len(headers) != 1:
        raise EditError(f"{'.'.join(path)} is written in a form that is not changed safely")
    begin = listed.index(headers[0])
    body = []
    for item in listed[begin + 1 :]:
        if item.is_header:
            break
        body.append(item)
    edits: list[tuple[int, int, str]] = []
    added = ""
    for key, value in values.items():
        written = tomli_w.dumps({key: value}).rstrip("\n").replace("\n", _newline(text))
        there = [item for item in body if item.path == (key,)]
        if there:
            edits.append((there[0].start, there[0].end, written))
        else:
            added += _newline(text) + written
    last = body[-1] if body else headers[0]
    place = _line_end(text, last.end)
    place -= text[place - 1 : place] == "\r"
    edits.append((place, place, added))
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def _blocks(text: str, path: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the tables at and below ``path`` stand: each from its header to its last key's line."""
    blocks: list[tuple[int, int]] = []
    inside = False
    for item in statements(text):
        if item.is_header:
            inside = item.path[: len(path)] == path
            if inside:
                blocks.append((item.start, item.end))
        if inside:
            after = _line_end(text, item.end)
            blocks[-1] = (blocks[-1][0], min(after + 1, len(text)))
    # What stands before the header on its line can only be blanks.
    return [(text.rfind("\n", 0, begin) + 1, end) for begin, end in blocks]


def _proved(text: str, meanings: Sequence[Mapping[str, Any]]) -> str:
    """``text``, if it says exactly what is wanted, which may have several forms."""
    try:
        says = _comparable(parse(text))
    except EditError:
        says = ""
    if says not in [_comparable(meaning) for meaning in meanings]:
        raise EditError("the servers are written in a form that is not changed safely")
    return text


def _comparable(value: Any) -> str:
    """The same text for the same data: nan is itself, 1 is not true, and order does not count."""
    if isinstance(value, dict):
        return repr(sorted((key, _comparable(item)) for key, item in value.items()))
    return repr([_comparable(item) for item in value] if isinstance(value, list) else value)


def _with(data: Mapping[str, Any], path: Sequence[str], values: Mapping[str, Any]) -> Any:
    if not path:
        return {**data, **values}
    name, *rest = path
    return {**data, name: _with(data.get(name, {}), rest, values)}


def _without(data: Mapping[str, Any], path: Sequence[str]) -> Any:
    name, *rest = path
    if not rest:
        return {key: value for key, value in data.items() if key != name}
    return {**data, name: _without(data[name], rest)}


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"

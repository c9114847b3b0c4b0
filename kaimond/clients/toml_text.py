"""Changes one table of a TOML text and leaves everything else as it is.

tomlkit keeps comments and layout. What the text says is asked of `tomllib`, before and after: an
edit that changes anything but our table is refused. tomlkit is loaded where a text is changed,
so that whoever only looks does not wait for it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from kaimond.clients import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomlkit import TOMLDocument
    from tomlkit.container import Container

_MARK: Final = "\ufeff"
"""What editors write at the beginning of a text, and TOML does not know."""

_UNSAFE: Final = "the servers are written in a form that is not changed safely"


def parse(text: str) -> dict[str, Any]:
    """What ``text`` says.

    Raises:
        EditError: it is not TOML.
    """
    try:
        return tomllib.loads(text.removeprefix(_MARK))
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
    table = find(parse(text), path)
    if table is None:
        return _proved(text, _appended(text, path, values), path, values)
    if not isinstance(table, dict):
        raise EditError(f"{'.'.join(path)} is not a table")
    missing = {key: value for key, value in values.items() if table.get(key) != value}
    if not missing:
        return text
    return _proved(text, _set_keys(text, path, missing), path, {**table, **values})


def remove(text: str, path: Sequence[str]) -> str:
    """Take the table at ``path`` and those below it out; a text without it is returned as it is.

    Comments behind the last key of a table stay, because they are about what follows.

    Raises:
        EditError: ``text`` cannot be read, or the table is written in a form that cannot be taken
            out safely.
    """
    if find(parse(text), path) is None:
        return text
    pieces = _pieces(text)
    for index, piece in enumerate(pieces):
        if _opens(piece, path) is not None:
            _, table = _parsed(piece)
            behind = table.body[_after_keys(table) :]
            pieces[index] = "".join(item.as_string() for _, item in behind)
    changed = "".join(pieces)
    # The empty line that `put` has made goes with the table that it was made for.
    blank = _newline(text) * 2
    if changed.endswith(blank) and not text.endswith(blank):
        changed = changed.removesuffix(_newline(text))
    return _proved(text, changed, path, None)


def _appended(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - see above

    newline = _newline(text)
    nested: dict[str, Any] = dict(values)
    for name in reversed(path):
        nested = {name: nested}
    if text.strip(f"{_MARK} \t\r\n"):
        text += newline if text.endswith("\n") else newline * 2
    return text + tomlkit.dumps(nested).replace("\n", newline)


def _set_keys(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - see above

    pieces = _pieces(text)
    ours = [index for index, piece in enumerate(pieces) if _opens(piece, path) == {}]
    if len(ours) != 1:
        raise EditError(f"{'.'.join(path)} is written in a form that is not changed safely")
    newline = _newline(text)
    piece = pieces[ours[0]]
    unended = "" if piece.endswith("\n") else newline
    document, table = _parsed(piece + unended)
    # First those that are there: tomlkit does not know of what is inserted below.
    for key, value in sorted(values.items(), key=lambda each: each[0] not in table):
        if key in table:
            table[key] = value
            continue
        added = tomlkit.item(value)
        added.trivia.trail = newline
        # By itself, tomlkit would put it behind a comment that is about the next table.
        table.body.insert(_after_keys(table), (tomlkit.key(key), added))
    pieces[ours[0]] = document.as_string().removesuffix(unended)
    return "".join(pieces)


def _pieces(text: str) -> list[str]:
    """``text``, cut before each header.

    tomlkit is given these one by one, because it moves tables together that are written apart.
    """
    cuts = [0]
    for found in re.finditer(rf"(?<![^\n{_MARK}])[ \t]*\[", text):
        # What has a beginning inside a string or a list is no TOML without the rest of it.
        with contextlib.suppress(EditError):
            parse(text[: found.start()])
            cuts.append(found.start())
    return [text[begin:end] for begin, end in itertools.pairwise([*cuts, len(text)])]


def _opens(piece: str, path: Sequence[str]) -> Any:
    """What the header of ``piece`` makes at ``path``: {} for that table, None for nothing."""
    header = piece.partition("\n")[0].rstrip("\r")
    return find(parse(header), path) if header.lstrip().startswith("[") else None


def _parsed(piece: str) -> tuple[TOMLDocument, Container]:
    """A piece that begins with a header, and what stands below it."""
    import tomlkit  # noqa: PLC0415 - see above
    from tomlkit.items import AoT, Table  # noqa: PLC0415 - see above

    try:
        document = tomlkit.parse(piece)
    except (ValueError, RecursionError):  # TOMLKitError is the former
        raise EditError(_UNSAFE) from None
    if document.as_string() != piece:
        raise EditError(_UNSAFE)
    body: Container = document
    while tables := [
        item.body[0] if isinstance(item, AoT) else item
        for key, item in body.body
        if isinstance(item, AoT | Table) and key and not key.is_dotted()
    ]:
        body = tables[0].value
    return document, body


def _after_keys(body: Container) -> int:
    """The place behind the last key; comments may stand there."""
    return max((at for at, (key, _) in enumerate(body.body, 1) if key), default=0)


def _proved(before: str, after: str, path: Sequence[str], entry: Mapping[str, Any] | None) -> str:
    """``after``, if our entry in it is ``entry`` and all the rest is what it is in ``before``."""
    old = parse(before)
    try:
        new = parse(after)
        same = _comparable(_without(old, path)) == _comparable(_without(new, path))
        if same and _comparable(find(new, path)) == _comparable(entry):
            return after
    except EditError:
        pass
    raise EditError(_UNSAFE)


def _comparable(value: Any) -> str:
    """The same text for the same data: nan is itself, 1 is not true, and order does not count."""
    return json.dumps(value, sort_keys=True, default=repr)


def _without(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """``data`` without our entry, nor the tables above it if they hold nothing else."""
    name, *rest = path
    left = {key: value for key, value in data.items() if key != name}
    below = _without(data.get(name, {}), rest) if rest else {}
    return {**left, name: below} if below else left


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"

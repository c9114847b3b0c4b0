"""Changes one table of a TOML text and leaves everything else as it is.

tomlkit keeps comments and layout. `tomllib` parses the text before and after an edit, and an edit
that changes anything but our table is refused. tomlkit is imported only where a text is changed,
so that read-only callers do not wait for it.
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
"""A byte order mark, which editors write at the beginning of a text but TOML does not allow."""

_UNSAFE: Final = "the servers are written in a form that is not changed safely"


def parse(text: str) -> dict[str, Any]:
    """Parse ``text``.

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
    """Return the value at ``path``, or None.

    Raises:
        EditError: something on the way is not a table.
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
    """Set keys of the table at ``path``; a missing table is added at the end of the text.

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
    """Remove the table at ``path`` and its subtables; return a text without it unchanged.

    Comments after the last key of a table stay, because they belong to what follows.

    Raises:
        EditError: ``text`` cannot be read, or the table is written in a form that cannot be
            removed safely.
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
    # `put` adds an empty line before a new table; remove it together with the table.
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
    # Set existing keys first: tomlkit does not see keys that are inserted below.
    for key, value in sorted(values.items(), key=lambda each: each[0] not in table):
        if key in table:
            table[key] = value
            continue
        added = tomlkit.item(value)
        added.trivia.trail = newline
        # tomlkit itself would put the key after a comment that belongs to the next table.
        table.body.insert(_after_keys(table), (tomlkit.key(key), added))
    pieces[ours[0]] = document.as_string().removesuffix(unended)
    return "".join(pieces)


def _pieces(text: str) -> list[str]:
    """Split ``text`` before each header.

    tomlkit gets the pieces one by one, because it moves scattered tables together.
    """
    cuts = [0]
    for found in re.finditer(rf"(?<![^\n{_MARK}])[ \t]*\[", text):
        # Inside a string or a list it is not a header, and the text before it is not valid TOML.
        with contextlib.suppress(EditError):
            parse(text[: found.start()])
            cuts.append(found.start())
    return [text[begin:end] for begin, end in itertools.pairwise([*cuts, len(text)])]


def _opens(piece: str, path: Sequence[str]) -> Any:
    """Return what the header of ``piece`` creates at ``path``: {} for that table, else None."""
    header = piece.partition("\n")[0].rstrip("\r")
    return find(parse(header), path) if header.lstrip().startswith("[") else None


def _parsed(piece: str) -> tuple[TOMLDocument, Container]:
    """Parse a piece that begins with a header; return it and the table's body."""
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
    """Return the index after the last key, where comments may follow."""
    return max((at for at, (key, _) in enumerate(body.body, 1) if key), default=0)


def _proved(before: str, after: str, path: Sequence[str], entry: Mapping[str, Any] | None) -> str:
    """Return ``after`` if our entry in it is ``entry`` and all else equals ``before``."""
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
    """Return equal texts for equal data: nan equals itself, 1 is not true, order is ignored."""
    return json.dumps(value, sort_keys=True, default=repr)


def _without(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return ``data`` without our entry, and without the tables above it if they are empty then."""
    name, *rest = path
    left = {key: value for key, value in data.items() if key != name}
    below = _without(data.get(name, {}), rest) if rest else {}
    return {**left, name: below} if below else left


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"

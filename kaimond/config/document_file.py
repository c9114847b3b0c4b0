"""projects.json as a raw document that can be read and written back without loss."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

from kaimond.config import files
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class UnusableError(KaimonError):
    """The file as a whole cannot be used, and must not be overwritten.

    Attributes:
        what: What is wrong, as a clause.
        cure: What to do, as a sentence.
    """

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


class EditError(KaimonError):
    """The file could not be changed; the message says why, and that the file is unchanged."""


def edit(file: Path, change: Callable[[dict[str, Any]], bool]) -> None:
    """Change the document while no other program of ours does.

    Args:
        file: The file, which need not exist.
        change: Changes the document that it is given and returns whether it did. May raise
            `UnusableError` if it finds something that it cannot change.

    Raises:
        EditError: It could not be read, changed or written.
    """
    target = files.target(file)
    try:
        with files.locked(target):
            document = read(target)
            if change(document):
                files.replace(target, to_bytes(document))
    except UnusableError as error:
        raise EditError(f"{file}: {error.what}. It was not changed. {error.cure}") from error
    except OSError as error:
        raise EditError(
            f"{file} could not be changed ({error.strerror or error}). It is as it was."
        ) from error


def read(file: Path) -> dict[str, Any]:
    """Return the document; its `projects`, if present, is a list.

    A file that does not exist, or is empty, gives an empty document.

    Raises:
        UnusableError: The file cannot be read or has any other content.
    """
    document = _decode(_content(file))
    cure = "Correct the file, or move it away to begin a new one."
    if not isinstance(document, dict):
        raise UnusableError("the outermost value is not an object", cure)
    if not isinstance(document.get("projects", []), list):
        raise UnusableError("projects is not a list", cure)
    return document


def to_bytes(document: dict[str, Any]) -> bytes:
    """Return the document as bytes to write.

    Raises:
        UnusableError: The document holds something that JSON cannot represent without loss.
    """
    try:
        try:
            text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
            return f"{text}\n".encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can hold
            return f"{json.dumps(document, indent=2, allow_nan=False)}\n".encode()
    except (ValueError, RecursionError) as error:
        what = "holds a number or a nesting that would not survive being written again"
        raise UnusableError(what, "Make the change in an editor.") from error


def _content(file: Path) -> bytes:
    try:
        content = files.read(file)
        mode = file.stat().st_mode
    except FileNotFoundError:
        return b""
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise UnusableError(what, "See what is at that path.") from error
    if mode & stat.S_IWOTH:
        cure = f"Look through its entries, then: chmod 600 {file}"
        raise UnusableError("every user of this machine can change it", cure)
    return content


def _decode(content: bytes) -> object:
    if not content.strip():
        return {}
    cure = "Correct the file, or move it away to begin a new one."
    try:
        return json.loads(content, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        what = f"not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise UnusableError(what, cure) from error
    except UnicodeDecodeError as error:
        raise UnusableError(f"not UTF-8 at byte {error.start}", cure) from error
    except RecursionError as error:
        raise UnusableError("nested too deeply", cure) from error
    except ValueError as error:
        raise UnusableError(f"not valid JSON: {error}", cure) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a repeated key: a rewrite would lose one of the two values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name!a} is there twice in one object")
            seen.add(name)
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")

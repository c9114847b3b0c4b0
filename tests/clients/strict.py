"""A strict reader of JSON with comments and trailing commas, independent of the code under test."""

from __future__ import annotations

import json
from typing import Any


def without_comments(text: str) -> str:
    """``text`` as plain JSON: comments become blanks, commas before a closing bracket go."""
    kept: list[str] = []
    at = 0
    in_string = False
    while at < len(text):
        two = text[at : at + 2]
        if in_string:
            if text[at] == "\\":
                kept.append(two)
                at += 2
                continue
            in_string = text[at] != '"'
            kept.append(text[at])
        elif two == "//":
            at = text.find("\n", at)
            if at < 0:
                break
            continue
        elif two == "/*":
            at = text.index("*/", at + 2) + 2
            kept.append(" ")
            continue
        elif text[at] in "]}":
            while kept and kept[-1].isspace():
                kept.pop()
            if kept and kept[-1] == ",":
                kept.pop()
            kept.append(text[at])
        else:
            in_string = text[at] == '"'
            kept.append(text[at])
        at += 1
    return "".join(kept)


def read(text: str) -> Any:
    """The data in ``text``; a key that is there twice is an error."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), f"a key is there twice: {pairs}"
        return dict(pairs)

    return json.loads(without_comments(text.removeprefix("\ufeff")), object_pairs_hook=once)

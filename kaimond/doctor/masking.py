"""Removes secrets (passwords, tokens, keys) from a text before others see it. Pure.

Masking guesses by names and patterns. It keeps a person from sending a secret by accident, but
does not make every text harmless; people are asked to look through a report before they send it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK: Final = "[masked]"

_NAMES: Final = (
    r"[\w.-]*(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|credentials?|cookie|auth)[\w.-]*"
)
_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)

# A name, the separator, and the value: quoted, or up to the next blank.
_ASSIGNED: Final = re.compile(
    rf"""(?P<name>["']?\b{_NAMES}["']?\s*(?:=>|[=:])\s*)"""
    r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s"',;&}\])\[{]+)""",
    re.IGNORECASE,
)
_FLAG: Final = re.compile(rf"(?P<name>--{_NAMES}\s+)(?P<value>[^\s-]\S*)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\b(?P<name>(?:Bearer|Basic)\s+)(?P<value>[\w.~+/=-]{6,})")
_IN_URL: Final = re.compile(r"(?P<name>\b[a-z][a-z0-9+.-]*://)(?P<value>[^\s/@:]*:[^\s/@]+)(?=@)")
_PRIVATE_KEY: Final = re.compile(
    r"(?P<name>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<value>.*?)"
    r"(?=-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_SHAPES: Final = re.compile(
    r"\b(?:"
    r"sk-[\w-]{16,}"  # several model providers
    r"|gh[opsur]_\w{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}"
    r"|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}"
    r"|AIza[\w-]{30,}"
    r"|hf_\w{20,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"  # JSON web tokens
    r")"
)

SHORTEST: Final = 6
"""Characters; shorter values of variables would also match inside unrelated words."""


def mask(text: str, known: Iterable[str] = ()) -> str:
    """Return ``text`` without what looks like a secret.

    Args:
        text: any text.
        known: values that are secret wherever they occur.
    """
    for value in sorted(set(known), key=len, reverse=True):
        if len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    for pattern in (_PRIVATE_KEY, _SCHEME, _IN_URL, _ASSIGNED, _FLAG):
        text = pattern.sub(_masked, text)
    return _SHAPES.sub(MASK, text)


def secrets(environ: Mapping[str, str]) -> list[str]:
    """Return the values of all variables whose names mark them as secret."""
    return [value for name, value in environ.items() if _SECRET_NAME.fullmatch(name)]


def hide_home(text: str, home: str, user: str) -> str:
    """Return ``text`` with ``~`` for the home directory, and no user name in other paths."""
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    if user and user != "root":
        text = re.sub(rf"(?<=/){re.escape(user)}(?![\w.-])", "USER", text)
    return text


def _masked(match: re.Match[str]) -> str:
    value = match["value"]
    # Keep the quotes, so that TOML or JSON stays valid.
    quote = value[0] if value[0:1] in ('"', "'") else ""
    if value.strip("\"'").lower() in _HARMLESS:
        return match[0]
    return f"{match['name']}{quote}{MASK}{quote}"


_HARMLESS: Final = {"", "true", "false", "null", "none", MASK}

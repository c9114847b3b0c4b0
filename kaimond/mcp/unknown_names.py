"""What is said of a name that means nothing here: the names that do, and the one that was meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def did_you_mean(name: str, known: Iterable[str], namespaced: Iterable[str] = ()) -> str:
    """Return a question that names the closest known name, "" if none is close.

    Args:
        name: the unknown name.
        known: names that there are.
        namespaced: further ones, whose beginning may have been left out.
    """
    meant = {
        one[start:].lower(): one
        for one in namespaced
        for start in (0, *(at + 1 for at, letter in enumerate(one) if letter == "_"))
    }
    meant |= {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), meant, n=1)
    return f" Did you mean {meant[close[0]]}?" if close else ""


def unknown_tool(name: str, own: Collection[str], offered: Collection[str]) -> str:
    """Return what is said of a call of a tool that there is not.

    Args:
        name: the name that was called.
        own: the names of Kaimon's own tools.
        offered: those of the tools of sessions.
    """
    guess = did_you_mean(name, own, offered)
    return f"There is no tool {name!r}.{guess} The tools are: {', '.join([*own, *offered])}."


def unknown_session_tool(name: str, own: Collection[str], offered: Collection[str]) -> str:
    """Return what is said of a tool that no session offers.

    Args:
        name: the name that was asked for.
        own: the names of Kaimon's own tools.
        offered: those of the tools of sessions.
    """
    if name in own:
        return f"{name} is one of Kaimon's own tools. Call it directly. Nothing was done."
    if not offered:
        return (
            f"There is no tool {name!r}: no session offers any. Tools are gone after a restart "
            "until code offers them again. Nothing was done."
        )
    guess = did_you_mean(name, (), offered)
    there = ", ".join(offered)
    return f"No session offers a tool {name!r}.{guess} Sessions offer: {there}. Nothing was done."

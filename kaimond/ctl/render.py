"""Renders facts as text for people. Pure: takes data, returns strings."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, Any, Final, TextIO

from kaimond.spans import span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLOURS: Final = {"red": 31, "green": 32, "yellow": 33, "dim": 2, "bold": 1}
_STATE_COLOURS: Final = {
    "ready": "green",
    "busy": "yellow",
    "starting": "yellow",
    "restarting": "yellow",
    "stopping": "dim",
    "stopped": "dim",
    "crashed": "red",
}


class Style:
    """Colours for output, or none."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
        """Return the style for ``stream``: colours on a terminal, unless NO_COLOR is set."""
        plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
        return cls(colours=not plain and stream.isatty())

    def paint(self, text: str, colour: str) -> str:
        """Return ``text`` in a colour; an unknown or empty colour changes nothing."""
        code = _COLOURS.get(colour)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours and code and text else text


def escape(value: object) -> str:
    """Return ``value`` on one line, with everything escaped that a terminal would interpret."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(value)
    )


def escape_lines(text: str) -> str:
    """Return ``text`` with its lines, but all else escaped that a terminal would interpret."""
    return "\n".join(escape(line) for line in text.split("\n"))


def counted(number: int, what: str) -> str:
    """Return a number with its noun, whose plural must end in s."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def width(text: str) -> int:
    """Return how many columns ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    columns = 0
    for character in text:
        if not unicodedata.combining(character):
            columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    style: Style,
    colours: Mapping[int, Sequence[str]] | None = None,
) -> str:
    """Return rows in aligned columns; columns without any value are omitted.

    Args:
        heads: the columns' names.
        rows: one value for each head; they are escaped here.
        style: colours, or none.
        colours: for a column's index, the colour of the value in each row.
    """
    cells = [[escape("" if value is None else value) for value in row] for row in rows]
    kept = [index for index in range(len(heads)) if any(row[index] for row in cells)]
    widths = {index: max(width(row[index]) for row in [list(heads), *cells]) for index in kept}

    def line(row: Sequence[str], colour: Mapping[int, str]) -> str:
        parts = []
        for index in kept:
            padding = " " * (widths[index] - width(row[index])) if index != kept[-1] else ""
            parts.append(style.paint(row[index], colour.get(index, "")) + padding)
        return "  ".join(parts).rstrip()

    painted = colours or {}
    lines = [line(heads, dict.fromkeys(kept, "dim"))]
    for number, row in enumerate(cells):
        lines.append(line(row, {index: names[number] for index, names in painted.items()}))
    return "\n".join(lines)


def memory(size: int | None) -> str:
    """Return a number of bytes in a suitable unit."""
    if size is None:
        return ""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if unit == "GiB" else f"{size // factor} {unit}"
    return f"{size} B"


def sessions(views: Sequence[Mapping[str, Any]], style: Style) -> str:
    """Return the table of sessions."""
    heads = ("KEY", "NAME", "STATE", "HEALTH", "UP", "CPU", "MEMORY", "JULIA", "PROJECT", "ENDING")
    rows = []
    for view in views:
        cpu = view.get("cpu_percent")
        rows.append(
            (
                view.get("key", ""),
                view.get("name", ""),
                view.get("state", ""),
                "" if view.get("ended") else view.get("health", ""),
                _span(view.get("uptime")),
                "" if cpu is None else f"{cpu:.0f} %",
                memory(view.get("memory_bytes")),
                view.get("julia", ""),
                view.get("project", ""),
                view.get("ending", ""),
            )
        )
    states = [_STATE_COLOURS.get(str(view.get("state")), "") for view in views]
    return table(heads, rows, style, {2: states})


def status(facts: Mapping[str, Any], style: Style) -> str:
    """Return the daemon, its agents and its sessions as text."""
    up = style.paint("is up", "green")
    version, process = escape(facts.get("version", "?")), escape(facts.get("pid", "?"))
    lines = [f"kaimond {version} {up} for {_span(facts.get('uptime'))} (process {process})"]
    for key, name in (("socket", "socket"), ("log", "log"), ("projects_file", "projects")):
        if facts.get(key):
            lines.append(f"  {name:9} {escape(facts[key])}")
    lines += [
        style.paint("problem", "red") + f": {escape(problem)}"
        for problem in facts.get("problems", ())
    ]
    views = facts.get("sessions", ())
    lines += ["", sessions(views, style) if views else "no sessions"]
    source = [line for view in views for line in _source(view, style)]
    lines += ["", *source] if source else []
    agents = facts.get("agents", ())
    if agents:
        heads = ("AGENT", "CLIENT", "VERSION", "PROCESS", "SINCE", "DIRECTORY")
        keys = ("agent", "client", "version", "pid", "since", "cwd")
        rows = [[agent.get(key, "") for key in keys] for agent in agents]
        lines += ["", table(heads, rows, style)]
    else:
        lines += ["", "no agents"]
    return "\n".join(lines)


def _source(view: Mapping[str, Any], style: Style) -> list[str]:
    """Return lines about the source that a session runs and how it differs from the disk."""
    key = escape(view.get("key", ""))
    lines = [f"{key}  {escape(what)}" for what in (view.get("tracked"),) if what]
    stale = style.paint("STALE", "red")
    lines += [f"{key}  {stale} {escape(what)}" for what in view.get("stale", ())]
    changed = ", ".join(escape(what) for what in view.get("changed", ()))
    lines += [f"{key}  changed, taken up by the next eval: {changed}"] if changed else []
    return lines + [f"{key}  {escape(what)}" for what in view.get("remarks", ())]


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)

"""Our block in a startup file: inserting, updating and removing it, byte for byte.

Everything outside the block stays as it is, whatever its line endings, its encoding or its
final newline. What removing the block must undo besides (an added newline, a created file) is
noted in the block's first line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from kaimond.errors import KaimonError

_FIRST: Final = re.compile(rb"^# >>> kaimon( \+line end| \+file)? >>>[^\n]*(?:\n|\Z)", re.MULTILINE)
_LAST: Final = re.compile(rb"^# <<< kaimon <<<[^\n]*(?:\n|\Z)", re.MULTILINE)
_OWN_CALL: Final = re.compile(rb"^[^#\n]*\bGate\.serve\b", re.MULTILINE)

_TEXT: Final = """\
# >>> kaimon{note} >>> kept by `kaimonctl startup install`, taken out by `... remove`
try
    using Revise
catch e
    @info "\u2139 Revise not loaded (optional)"
end
try
    let packages = {directory}
        isdir(packages) && !(packages in LOAD_PATH) && push!(LOAD_PATH, packages)
    end
    # A session that kaimond has started serves by itself.
    if !haskey(ENV, "KAIMON_NONCE")
        using Kaimon
        Gate.serve()
    end
catch e
    @warn "Kaimon Gate failed to start" exception = e
end
# <<< kaimon <<<
"""


class DamagedError(KaimonError):
    """The file holds something that cannot be changed safely; the message says what."""


class _Note(StrEnum):
    """What to undo when the block is removed."""

    NOTHING = ""
    LINE_END = " +line end"
    FILE = " +file"


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """Our block as found in a file.

    Attributes:
        begin: Index of its first byte.
        end: Index just after its last byte.
        note: What to undo when the block is removed.
    """

    begin: int
    end: int
    note: _Note


class Removed(NamedTuple):
    """The result of removing our block.

    Attributes:
        content: The remaining content.
        was_ours: Whether the file was created for the block and holds nothing else.
    """

    content: bytes
    was_ours: bool


def find(content: bytes) -> FoundBlock | None:
    """Return the position of our block, or None.

    Raises:
        DamagedError: The marks are not exactly one first and one last, or the file is not text that
            Julia could read.
    """
    if b"\0" in content:
        raise DamagedError("it is not text in UTF-8")
    firsts = list(_FIRST.finditer(content))
    lasts = list(_LAST.finditer(content))
    if not firsts and not lasts:
        return None
    if len(firsts) != 1 or len(lasts) != 1 or lasts[0].start() < firsts[0].end():
        lines = sorted(content.count(b"\n", 0, mark.start()) + 1 for mark in (*firsts, *lasts))
        raise DamagedError(
            "the marks of our block (`# >>> kaimon >>>` and `# <<< kaimon <<<`) are not one pair: "
            f"they are in line {', '.join(map(str, lines))}"
        )
    note = _Note((firsts[0][1] or b"").decode())
    return FoundBlock(firsts[0].start(), lasts[0].end(), note)


def text(directory: str, note: str = "") -> str:
    """Return the block; `directory` is the one that contains the package."""
    return _TEXT.replace("{note}", note).replace("{directory}", quoted(directory))


def quoted(words: str) -> str:
    """Return `words` as a quoted Julia string."""
    escaped = "".join(
        f"\\u{ord(character):04x}"
        if ord(character) < ord(" ")
        else f"\\{character}"
        if character in '\\"$'
        else character
        for character in words
    )
    return f'"{escaped}"'


def installed(content: bytes | None, directory: str) -> bytes:
    """Return a file's content with an up-to-date block.

    Args:
        content: The file's present content; None if it does not exist.
        directory: The directory that contains the package.

    Raises:
        DamagedError: See `find`.
    """
    if content is None:
        return text(directory, _Note.FILE).encode()
    found = find(content)
    line_end = _line_end(content[: found.end] if found else content)
    if found:
        ours = text(directory, found.note).encode().replace(b"\n", line_end)
        return content[: found.begin] + ours + content[found.end :]
    complete = not content or content.endswith(b"\n")
    note = _Note.NOTHING if complete else _Note.LINE_END
    ours = text(directory, note).encode().replace(b"\n", line_end)
    return content + (b"" if complete else line_end) + ours


def removed(content: bytes) -> Removed:
    """Return a file's content without the block.

    Raises:
        DamagedError: See `find`.
    """
    found = find(content)
    if found is None:
        return Removed(content, was_ours=False)
    before, after = content[: found.begin], content[found.end :]
    if found.note is _Note.LINE_END and not after:
        # If text follows the block, removing the newline would join two of the user's lines.
        before = before.removesuffix(_line_end(content[: found.end]))
    left = before + after
    return Removed(left, was_ours=found.note is _Note.FILE and not left)


def own_call(content: bytes) -> int | None:
    """Return the number of the first line outside our block that calls `Gate.serve`, or None."""
    found = find(content)
    if found:
        # Keep the number of lines, so that the line numbers after the block stay right.
        blank = b"\n" * content.count(b"\n", found.begin, found.end)
        content = content[: found.begin] + blank + content[found.end :]
    call = _OWN_CALL.search(content)
    return content.count(b"\n", 0, call.end()) + 1 if call else None


def _line_end(content: bytes) -> bytes:
    last = content.rfind(b"\n")
    return b"\r\n" if last > 0 and content[last - 1 : last] == b"\r" else b"\n"

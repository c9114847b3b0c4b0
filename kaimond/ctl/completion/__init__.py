"""Completion of ``kaimonctl`` in bash, zsh and fish: scripts made from the parsers themselves.

A script knows commands, options and fixed choices. What changes (session keys, projects) it asks
for with ``kaimonctl completions keys`` and the like at the moment of completion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.ctl.completion import bash, fish, zsh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kaimond.ctl.outline import Outline

SHELLS: Final[Mapping[str, Callable[[Outline], str]]] = {
    "bash": bash.script,
    "zsh": zsh.script,
    "fish": fish.script,
}
"""For each shell, what makes the script for a program."""

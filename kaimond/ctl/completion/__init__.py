"""Completion of ``kaimonctl`` in bash, zsh and fish: scripts generated from the parsers.

A script contains commands, options and fixed choices. Values that change (session keys,
projects) it gets from ``kaimonctl completions keys`` and the like at the time of completion.
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
"""For each shell, the function that makes the script for a program."""

"""Tells the story on the terminal, and stops it when something is not as told."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_WIDTH: Final = 88
_COLOURS: Final = {"title": "1", "call": "36", "answer": "2", "kept": "32", "broken": "1;31"}


class BrokenClaimError(Exception):
    """Something in the story was not as told.

    Attributes:
        claim: what was said.
        found: what is the case instead.
    """

    def __init__(self, claim: str, found: object) -> None:
        super().__init__(claim)
        self.claim = claim
        self.found = found


class Narrator:
    """Writes scenes, calls, answers and claims.

    Args:
        out: where to.
        environ: the environment; NO_COLOR in it means what it says.
    """

    def __init__(self, out: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self._colours = out.isatty() and not environ.get("NO_COLOR")
        self._scenes = 0
        self.broken: BrokenClaimError | None = None
        """The claim that ended the story, however deep in other errors it was wrapped since."""

    def say(self, text: str) -> None:
        """A paragraph of prose."""
        self._write(textwrap.fill(text, _WIDTH))

    def scene(self, title: str, text: str = "") -> None:
        """The beginning of a scene: a numbered title and what it is about."""
        self._scenes += 1
        self._write(f"\n{self._painted(f'{self._scenes}. {title}', 'title')}")
        if text:
            self.say(text)

    def call(self, who: str, what: str) -> None:
        """Somebody asks for something."""
        self._write(f"\n  {self._painted(f'{who} {what}', 'call')}")

    def answer(self, text: str) -> None:
        """What came back."""
        for line in text.splitlines():
            self._write(f"    {self._painted(line, 'answer')}".rstrip())

    def claim(self, claim: str, kept: object, found: object = "it is not so") -> None:
        """Say something, if it is true.

        Args:
            claim: what is said.
            kept: whether it is true.
            found: what is the case otherwise.

        Raises:
            BrokenClaimError: it is not.
        """
        if not kept:
            self.broken = BrokenClaimError(claim, found)
            raise self.broken
        self._write(f"  {self._painted('✓', 'kept')} {claim}")

    def end(self, text: str) -> None:
        """The last sentence of a good story."""
        self._write(f"\n{self._painted(text, 'title')}")

    def failed(self, what: str, details: str = "") -> None:
        """The story ends here, and badly."""
        self._write(f"\n  {self._painted(f'✗ {what}', 'broken')}")
        self.answer(details)

    def _painted(self, text: str, part: str) -> str:
        return f"\x1b[{_COLOURS[part]}m{text}\x1b[0m" if self._colours and text else text

    def _write(self, text: str) -> None:
        # A terminal may still be set to ASCII; a mark that is shown as "?" is no reason to fail.
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()

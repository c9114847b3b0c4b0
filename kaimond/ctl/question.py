"""A question that a person answers with yes or no on the terminal."""

from __future__ import annotations

import sys

from kaimond.ctl.output import CtlError


def confirmed(question: str, unasked: str) -> bool:
    """Ask, and return whether the answer is yes; anything else is no.

    Args:
        question: the question, without what may be answered.
        unasked: the error's message if there is no terminal to ask on.

    Raises:
        CtlError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        # The message refers to what was shown, which may be in the same file.
        sys.stdout.flush()
        raise CtlError(unasked)
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}

"""An argument parser whose errors suggest what was meant and where to find help."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Final, NoReturn

from kaimond.ctl.output import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_MISSING: Final = "the following arguments are required: "
"""The beginning of argparse's message about missing arguments."""


def directory(text: str) -> Path:
    """Return the absolute path of a directory that is given as an argument; links stay."""
    from pathlib import Path  # noqa: PLC0415 - it costs 5 ms, and few commands have a directory

    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - links stay


class Parser(argparse.ArgumentParser):
    """A parser of one command and, by `add_subparsers`, of its actions."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        # An abbreviation that is unambiguous today may not be tomorrow.
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    def parse_args(  # type: ignore[override] # we never hand a namespace of another class over
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse all arguments; an unknown one ends the program with exit code 2."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown[0], self._known(options))
        return options

    def check_option(self, word: str) -> None:
        """Exit with code 2 if this parser does not know the option."""
        if word.partition("=")[0] not in self._option_string_actions:
            self._refuse(word, self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how to proceed; exit with code 2."""
        _, missing, names = message.partition(_MISSING)
        if missing:
            message = f"missing: {names}\n{self._expected(names)}"
        self.exit(
            ExitCode.USAGE,
            f"{self.prog}: {message}\nNothing was done. `{self.prog} --help` tells more.\n",
        )

    def _expected(self, names: str) -> str:
        """Return the possible actions if the action is missing, else the usage."""
        for action in self._actions:
            if isinstance(action.choices, dict) and action.metavar == names:
                return f"It is one of: {', '.join(action.choices)}."
        return self.format_usage().rstrip()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is not a choice, and suggest the nearest one."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        raise argparse.ArgumentError(
            # Omit the name of a positional argument, which nobody typed.
            action if action.option_strings else None,
            f"there is no {value!r}{suggestion(str(value), known)} Known: {', '.join(known)}.",
        )

    def _refuse(self, word: str, known: Iterable[str]) -> NoReturn:
        name = word.partition("=")[0]
        self.error(f"unknown argument: {name}{suggestion(name, known)}")

    def _known(self, options: argparse.Namespace) -> Iterator[str]:
        """Yield the options of this parser and of the chosen action."""
        for action in self._actions:
            yield from action.option_strings
            chosen = getattr(options, action.dest, None)
            if isinstance(action.choices, dict) and chosen in action.choices:
                yield from action.choices[chosen]._known(options)  # noqa: SLF001 - another of us


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a full stop, preceded by a suggestion if a known word is similar."""
    import difflib  # noqa: PLC0415 - only who mistypes waits for it

    near = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean {near[0]!r}?" if near else "."

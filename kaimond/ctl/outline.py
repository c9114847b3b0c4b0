"""What an argparse parser knows, as plain data: for completions, manual pages and tests.

argparse has no public way to look into a parser; this module is the only one that does.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from kaimond.ctl import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: Final = {
    "KEY": "keys",
    "PATH": "projects",
    "DIR": "directories",
    "FILE": "files",
}
"""What is meant by a value that is called so in the help: the metavar is the only declaration."""


@dataclass(frozen=True)
class Argument:
    """An option, or a positional argument if it has no names.

    Attributes:
        names: such as ``-n`` and ``--lines``.
        metavar: what its value is called; empty if it takes none.
        choices: the values that it can have, if they are fixed.
        help: one sentence for people.
        required: whether it must be given.
        many: whether it takes more than one value.
    """

    names: tuple[str, ...]
    metavar: str
    choices: tuple[str, ...]
    help: str
    required: bool
    many: bool = False

    @property
    def kind(self) -> str:
        """One of `KINDS`, or empty if nothing is known about the values."""
        return KINDS.get(self.metavar, "")


@dataclass(frozen=True)
class Outline:
    """A program, one of its commands, or an action of a command.

    Attributes:
        words: how it is called, beginning with the program's name.
        summary: half a sentence for lists.
        description: the help's text above the arguments.
        epilog: the help's text below them, which has the examples.
        arguments: the positional ones.
        options: the others; ``--help`` is always one.
        actions: what it is divided into.
    """

    words: tuple[str, ...]
    summary: str
    description: str
    epilog: str
    arguments: tuple[Argument, ...]
    options: tuple[Argument, ...]
    actions: tuple[Outline, ...] = ()

    def walk(self) -> Iterator[Outline]:
        """Yield this and everything below it."""
        yield self
        for action in self.actions:
            yield from action.walk()

    def leaves(self) -> Iterator[Outline]:
        """Yield what can be run: whatever is not divided further."""
        return (each for each in self.walk() if not each.actions)


def of(parser: argparse.ArgumentParser, summary: str = "") -> Outline:
    """The outline of one parser and of its actions."""
    words = tuple(parser.prog.split())
    shown = [each for each in parser._actions if each.help != argparse.SUPPRESS]  # noqa: SLF001
    actions: list[Outline] = []
    for each in shown:
        if isinstance(each, argparse._SubParsersAction):  # noqa: SLF001
            parsers = cast("dict[str, argparse.ArgumentParser]", each.choices)
            texts = {pseudo.dest: pseudo.help or "" for pseudo in each._choices_actions}  # noqa: SLF001
            actions += [of(below, texts.get(name, "")) for name, below in parsers.items()]
    plain = [each for each in shown if not isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001
    return Outline(
        words=words,
        summary=summary,
        description=parser.description or "",
        epilog=parser.epilog or "",
        arguments=tuple(_argument(each) for each in plain if not each.option_strings),
        options=tuple(_argument(each) for each in plain if each.option_strings),
        actions=tuple(actions),
    )


def kaimonctl() -> Outline:
    """The outline of all of ``kaimonctl``."""
    top = of(command_line.top_parser())
    commands = tuple(
        of(command_line.command_parser(name), summary)
        for name, summary in command_line.COMMANDS.items()
    )
    return Outline(
        top.words, top.summary, top.description, top.epilog, (), top.options, actions=commands
    )


def _argument(action: argparse.Action) -> Argument:
    metavar = ""
    if action.nargs != 0:
        named = action.metavar if isinstance(action.metavar, str) else None
        metavar = named or (action.dest.upper() if action.option_strings else action.dest)
    choices: tuple[Any, ...] = tuple(action.choices or ())
    return Argument(
        names=tuple(action.option_strings),
        metavar=metavar,
        choices=tuple(str(choice) for choice in choices),
        help=_help(action),
        required=action.required,
        many=action.nargs in ("*", "+"),
    )


def _help(action: argparse.Action) -> str:
    text = action.help or ""
    return text % {**vars(action), "prog": ""} if "%" in text else text

"""What an argparse parser knows, as plain data for completions, manual pages and tests.

argparse has no public way to inspect a parser; only this module reads its private attributes.
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
"""The kind of value for each metavar; kinds are declared nowhere else."""


@dataclass(frozen=True)
class Argument:
    """An option, or a positional argument if it has no names.

    Attributes:
        names: such as ``-n`` and ``--lines``.
        metavar: the name of its value in the help; empty if it takes none.
        choices: the allowed values, if they are fixed.
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
        """The kind of its values, one of `KINDS`; empty if nothing is known about them."""
        return KINDS.get(self.metavar, "")


@dataclass(frozen=True)
class Outline:
    """A program, one of its commands, or an action of a command.

    Attributes:
        words: the words that call it, beginning with the program's name.
        summary: a short phrase for lists.
        description: the help text above the arguments.
        epilog: the help text below them, which contains the examples.
        arguments: the positional arguments.
        options: the options, always including ``--help``.
        actions: the outlines of its subcommands.
    """

    words: tuple[str, ...]
    summary: str
    description: str
    epilog: str
    arguments: tuple[Argument, ...]
    options: tuple[Argument, ...]
    actions: tuple[Outline, ...] = ()

    def walk(self) -> Iterator[Outline]:
        """Yield this outline and all below it."""
        yield self
        for action in self.actions:
            yield from action.walk()

    def leaves(self) -> Iterator[Outline]:
        """Yield the outlines without actions, which are those that can be run."""
        return (each for each in self.walk() if not each.actions)


def of(parser: argparse.ArgumentParser, summary: str = "") -> Outline:
    """Return the outline of a parser and of its actions."""
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
    """Return the outline of all of ``kaimonctl``."""
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

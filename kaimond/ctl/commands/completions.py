"""Print the completion script for your shell, or what such a script asks for.

The packages for Debian, Homebrew and Arch install the scripts; elsewhere, once:

  # bash
  mkdir -p ~/.local/share/bash-completion/completions
  kaimonctl completions bash > ~/.local/share/bash-completion/completions/kaimonctl
  # zsh: a folder of $fpath, which must name it before compinit
  mkdir -p ~/.zfunc
  kaimonctl completions zsh > ~/.zfunc/_kaimonctl
  # fish
  mkdir -p ~/.config/fish/completions
  kaimonctl completions fish > ~/.config/fish/completions/kaimonctl.fish
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.config import projects
from kaimond.ctl import client
from kaimond.ctl.output import CtlError, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

EXAMPLE: Final = "kaimonctl completions bash"

LIMIT: Final = 3.0
"""Seconds; a person who presses the tab key is waiting."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        choices=("bash", "zsh", "fish", "keys", "projects"),
        help="a shell: its script; keys: of the sessions; projects: the allowed ones",
    )


def run(options: argparse.Namespace) -> int:
    """Print the script, or one item per line."""
    if options.what == "keys":
        _say_all(_keys())
    elif options.what == "projects":
        listed = projects.load(paths.resolve().projects_file)
        _say_all(str(entry.path) for entry in listed.entries if entry.enabled)
    else:
        from kaimond.ctl import completion, outline  # noqa: PLC0415 - keys must come fast

        sys.stdout.write(completion.SHELLS[options.what](outline.kaimonctl()))
    return 0


def _keys() -> Iterator[str]:
    """Yield the keys of live sessions; none if the daemon does not answer in time."""
    try:
        with client.connect() as daemon:
            answer = daemon.call("sessions", LIMIT, ended=False)
    except CtlError:
        return
    for session in answer.get("sessions", ()):
        yield str(session.get("key", ""))


def _say_all(items: Iterator[str]) -> None:
    for item in items:
        # Skip what is not a single line, or what the terminal would interpret.
        if item.isprintable():
            say(item)

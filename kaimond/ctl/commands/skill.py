"""Have agents know when and how to use Kaimon: a skill in the folder where a client reads skills.

A client shows its model the name and the purpose of each skill; the model reads the rest when that
fits. Needs no daemon.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.clients import EditError, skill_file, survey
from kaimond.clients.table import CLIENTS
from kaimond.ctl import render
from kaimond.ctl.output import CtlError, say, say_json
from kaimond.ctl.parser import directory

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from kaimond.clients.file import Written

EXAMPLE: Final = """\
kaimonctl skill install
kaimonctl skill install --client claude --project ~/MyPkg
kaimonctl skill show --agents-md >> AGENTS.md"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("install", "write the skill, or bring it up to date"),
        ("remove", "take the skill out again"),
    ):
        action = actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl skill {name}"
        )
        action.add_argument(
            "--client",
            choices=tuple(CLIENTS),
            metavar="CLIENT",
            help=f"one of {', '.join(CLIENTS)}; without it, all that are found on this machine",
        )
        action.add_argument(
            "--project",
            metavar="DIR",
            type=directory,
            help="for this project only, instead of for all",
        )
    text = "print the skill"
    showing = actions.add_parser(
        "show", help=text, description=text, epilog="example: kaimonctl skill show --agents-md"
    )
    form = showing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument(
        "--agents-md",
        action="store_true",
        help="instead, the few lines for a project's AGENTS.md, for clients that read no skills",
    )


def run(options: argparse.Namespace) -> int:
    """Install, remove or print the skill."""
    if options.action == "show":
        if options.json:
            say_json({"skill": skill_file.text(), "agents_md": skill_file.agents_md()})
        else:
            chosen = skill_file.agents_md() if options.agents_md else skill_file.text()
            say(chosen.rstrip("\n"))
        return 0
    project: Path | None = options.project
    if project and not project.is_dir():
        raise CtlError(f"{project} is not a directory. Nothing was changed.")
    change = skill_file.install if options.action == "install" else skill_file.remove
    for target, titles in _targets(options.client, project).items():
        try:
            written = change(target, paths.resolve().state / "backups", project)
        except EditError as error:
            raise CtlError(f"{target} was not changed, because {error}.") from None
        _tell(target, titles, written, options.action)
    return 0


def _targets(name: str | None, project: Path | None) -> dict[Path, list[str]]:
    """Return the files and, for each, the clients that read it."""
    chosen = [
        client
        for client in CLIENTS.values()
        if (client.name == name if name else survey.is_present(client, os.environ))
    ]
    targets: dict[Path, list[str]] = {}
    for client in chosen:
        path = skill_file.path(client, os.environ, project)
        if path:
            targets.setdefault(path, []).append(client.title)
    if targets:
        return targets
    if not name:
        raise CtlError("no client was found on this machine. Name one with --client.")
    raise CtlError(
        f"where {chosen[0].title} reads skills for all projects is not known. Nothing was changed. "
        "With --project it is."
    )


def _tell(target: Path, titles: list[str], written: Written, action: str) -> None:
    done, idle = (
        ("is now in", "is up to date in")
        if action == "install"
        else ("is removed from", "is not in")
    )
    nothing = "" if written.changed else "; nothing was changed"
    state = done if written.changed else idle
    say(f"{', '.join(titles)}: the skill {state} {render.escape(target)}{nothing}.")
    if written.backup:
        say(f"The file from before: {render.escape(written.backup)}")

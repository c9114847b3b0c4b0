"""Say which projects agents may start sessions in, and how; or list them. Needs no daemon."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.config import projects, projects_edit
from kaimond.config.document_file import EditError
from kaimond.config.project_path import PathRefusedError
from kaimond.ctl import approval, render
from kaimond.ctl.output import CtlError, remark, say, say_json

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from kaimond.config.projects import ProjectEntry

EXAMPLE: Final = """\
kaimonctl project allow ~/MyPkg
kaimonctl project allow --below ~/.julia/dev
kaimonctl project approve ~/MyPkg
kaimonctl project list"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("allow", "let agents start sessions in a project"),
        ("deny", "let them no longer; sessions that run go on"),
    ):
        action = actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl project {name} ~/MyPkg"
        )
        action.add_argument("path", metavar="PATH", help="directory of the Julia project")
        if name == "allow":
            action.add_argument(
                "--below", action="store_true", help="also allow every project beneath PATH"
            )
            action.add_argument(
                "--worktrees",
                action="store_true",
                help="also allow PATH in all git worktrees of its repository",
            )
    text = "see and approve how a repository's own kaimon.toml wants its Julia started"
    approving = actions.add_parser(
        "approve", help=text, description=text, epilog="example: kaimonctl project approve ~/MyPkg"
    )
    approving.add_argument("path", metavar="PATH", help="directory of the Julia project")
    answer = approving.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="approve what is shown, without asking")
    answer.add_argument(
        "--never", action="store_true", help="start without it, whatever it says, now and later"
    )
    text = "list the projects and what is wrong with the file"
    listing = actions.add_parser(
        "list", help=text, description=text, epilog="example: kaimonctl project list --json"
    )
    listing.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """List the allowed projects, or change the list."""
    file = paths.resolve().projects_file
    if options.action == "list":
        return _list(file, json=options.json)
    path = os.path.abspath(options.path)  # noqa: PTH100 - as in `start`
    try:
        if options.action == "approve":
            return approval.run(file, path, yes=options.yes, never=options.never)
        if options.action == "allow":
            done = projects_edit.allow(file, path, below=options.below, worktrees=options.worktrees)
        else:
            done = projects_edit.deny(file, path)
    except (PathRefusedError, EditError) as error:
        raise CtlError(str(error)) from None
    say(f"{render.escape(done.path)}: {done.change}")
    return 0


def _list(file: Path, *, json: bool) -> int:
    listed = projects.load(file)
    problems = [str(problem) for problem in listed.problems]
    if json:
        say_json(
            {
                "file": str(file),
                "allow_any_project": listed.allow_any_project,
                "projects": [
                    {
                        "path": str(entry.path),
                        "stored": entry.stored,
                        "enabled": entry.enabled,
                        "below": entry.below,
                        "worktrees": entry.worktrees,
                    }
                    for entry in listed.entries
                ],
                "problems": problems,
            }
        )
        return 0
    style = render.Style.of(sys.stdout)
    for problem in problems:
        remark(render.escape(problem))
    if listed.allow_any_project:
        say("every project is allowed, except those denied here")
    words = [_state(entry) for entry in listed.entries]
    rows = [(word, entry.path) for word, entry in zip(words, listed.entries, strict=True)]
    if rows:
        colours = ["green" if entry.enabled else "dim" for entry in listed.entries]
        say(render.table(("STATE", "PROJECT"), rows, style, {0: colours}))
    elif listed.readable and not listed.allow_any_project:
        say("no projects; allow one with: kaimonctl project allow PATH")
    return 0


def _state(entry: ProjectEntry) -> str:
    if not entry.enabled:
        return "denied"
    more = [
        text for on, text in ((entry.below, "all below"), (entry.worktrees, "git worktrees")) if on
    ]
    return ", ".join(["allowed", *more])

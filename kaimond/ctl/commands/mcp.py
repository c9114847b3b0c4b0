"""Register Kaimon with an MCP client, list the clients, or undo it; needs no daemon.

The client's file is changed at one place only: other servers, comments and layout stay, and a copy
of what was there before is kept. Restart the client afterwards.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.clients import EditError, entry, file, program, survey
from kaimond.clients.client import NAME
from kaimond.clients.entry import ForeignEntryError
from kaimond.clients.program import ProgramError
from kaimond.clients.table import CLIENTS
from kaimond.ctl import client_approval, render
from kaimond.ctl.output import CtlError, ExitCode, remark, say, say_json
from kaimond.ctl.parser import directory

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from kaimond.clients.client import Client
    from kaimond.clients.survey import SeenClient

EXAMPLE: Final = """\
kaimonctl mcp install --client claude
kaimonctl mcp install --client vscode --project ~/MyPkg
kaimonctl mcp install --client codex --approve
kaimonctl mcp install --client opencode --print
kaimonctl mcp list"""

_COLOURS: Final = {
    "installed": "green",
    "not installed": "dim",
    "unreadable": "red",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "add Kaimon to the servers of a client"
    install = actions.add_parser(
        "install",
        help=text,
        description=text,
        epilog="example: kaimonctl mcp install --client claude",
    )
    _add_client(install)
    install.add_argument(
        "--print", action="store_true", help="only show what would be added, and to which file"
    )
    install.add_argument(
        "--replace", action="store_true", help=f"also if another server is called {NAME}"
    )
    install.add_argument(
        "--approve",
        action="store_true",
        help="also have the client call Kaimon's tools without asking you; it is shown and asked",
    )
    install.add_argument(
        "--yes", action="store_true", help="approve what --approve shows, without asking"
    )
    text = "take Kaimon out of the servers of a client, and what --approve has written"
    remove = actions.add_parser(
        "remove",
        help=text,
        description=text,
        epilog="example: kaimonctl mcp remove --client claude",
    )
    _add_client(remove)
    text = "the clients, and which of them know Kaimon"
    listing = actions.add_parser(
        "list", help=text, description=text, epilog="example: kaimonctl mcp list --json"
    )
    listing.add_argument("--json", action="store_true", help="for programs")
    _add_project(listing)


def _add_client(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--client",
        choices=tuple(CLIENTS),
        metavar="CLIENT",
        required=True,
        help=f"one of {', '.join(CLIENTS)}",
    )
    _add_project(parser)


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project",
        metavar="DIR",
        type=directory,
        help="the client's file in this project, instead of the one for all projects",
    )


def run(options: argparse.Namespace) -> int:
    """Change a client's file, or list all clients."""
    if options.project and not options.project.is_dir():
        raise CtlError(f"{options.project} is not a directory. Nothing was changed.")
    try:
        if options.action == "remove":
            return _remove(CLIENTS[options.client], options.project)
        command = program.locate(sys.argv[0], os.environ)
        if options.action == "list":
            return _list(command, options.project, json=options.json)
        return _install(CLIENTS[options.client], command, options)
    except ProgramError as error:
        raise CtlError(str(error)) from None


def _path(client: Client, project: Path | None) -> Path:
    return client.project_path(project) if project else client.user_path(os.environ)


def _install(client: Client, command: str, options: argparse.Namespace) -> int:
    if options.yes and not options.approve:
        raise CtlError("--yes answers what --approve asks; it has no meaning alone", ExitCode.USAGE)
    path = _path(client, options.project)
    try:
        snippet = entry.snippet(client, command)
    except (EditError, UnicodeEncodeError):
        raise CtlError(f"{command!a} cannot be written into {path}. Nothing was changed.") from None
    if options.print:
        remark(f"for {client.title}, in {render.escape(path)}:")
        say(snippet)
        if options.approve:
            client_approval.show(client, options.project)
        return 0
    program.check(command)
    approved = options.approve and client_approval.ask(client, options.project, yes=options.yes)
    present = survey.is_present(client, os.environ)
    written = _written(client, path, command, snippet, options)
    _tell(client, path, written, "Kaimon is installed in" if written.changed else "Kaimon is in")
    say(f"It starts {render.escape(command)}. {client.limits}")
    if approved:
        client_approval.write(client, options.project)
    elif not options.approve:
        client_approval.mention(client, options.project)
    if options.project:
        say(
            f"{client.project_note} That path is one of this machine; do not share the file "
            "with people who have kaimon-mcp elsewhere.".lstrip()
        )
    if not present:
        remark(f"{client.title} itself was not found here, neither on PATH nor by its files.")
    if written.changed:
        say("`kaimonctl skill install` tells its model when and how to use Kaimon.")
        say(f"Restart {client.title} to use it.")
    return 0


def _written(
    client: Client, path: Path, command: str, snippet: str, options: argparse.Namespace
) -> file.Written:
    try:
        return file.change(
            path,
            lambda text: entry.install(client, text, command, replace=options.replace),
            paths.resolve().state / "backups",
            private=options.project is None,
            within=options.project,
        )
    except ForeignEntryError as error:
        raise CtlError(
            f"{path} has another server called {NAME} already: {render.escape(error)}. Nothing was "
            "changed. With --replace ours takes its place, and a copy of the file is kept."
        ) from None
    except EditError as error:
        raise CtlError(
            f"{path} was not changed, because {error}. Mend it and try again, or add this by "
            f"hand:\n{snippet}"
        ) from None


def _remove(client: Client, project: Path | None) -> int:
    path = _path(client, project)
    try:
        written = file.change(
            path,
            lambda text: entry.remove(client, text),
            paths.resolve().state / "backups",
            private=project is None,
            within=project,
        )
    except ForeignEntryError as error:
        raise CtlError(
            f"the server called {NAME} in {path} is not ours: {render.escape(error)}. "
            "Nothing was changed. Take it out by hand if you do not want it."
        ) from None
    except EditError as error:
        raise CtlError(
            f"{path} was not changed, because {error}. Take the server {NAME} out by hand."
        ) from None
    _tell(
        client, path, written, "Kaimon is removed from" if written.changed else "Kaimon is not in"
    )
    client_approval.withdraw(client, project)
    return 0


def _tell(client: Client, path: Path, written: file.Written, what: str) -> None:
    link = f" (that is {render.escape(written.target)})" if written.target != path else ""
    nothing = "" if written.changed else "; nothing was changed"
    gone = ", which held nothing else and is gone" if written.removed else ""
    say(f"{client.title}: {what} {render.escape(path)}{link}{gone}{nothing}.")
    if written.backup:
        say(f"The file from before: {render.escape(written.backup)}")


def _list(command: str, project: Path | None, *, json: bool) -> int:
    seen = survey.survey(os.environ, command, project)
    if json:
        say_json({"command": command, "clients": [_facts(one) for one in seen]})
        return 0
    rows = [
        (
            one.client.name,
            "yes" if one.present else "no",
            f"{one.state}, approved" if one.approved else one.state,
            one.path,
        )
        for one in seen
    ]
    colours = [_COLOURS.get(one.state, "yellow") for one in seen]
    style = render.Style.of(sys.stdout)
    say(render.table(("CLIENT", "FOUND", "KAIMON", "FILE"), rows, style, {2: colours}))
    for one in seen:
        if one.problem:
            remark(f"{one.client.title}: {render.escape(one.path)}: {render.escape(one.problem)}")
    return 0


def _facts(one: SeenClient) -> dict[str, object]:
    return {
        "client": one.client.name,
        "title": one.client.title,
        "found": one.present,
        "state": one.state,
        "file": str(one.path),
        "starts": one.found.command if one.found else "",
        "approved": one.approved,
        "problem": one.problem,
    }

"""Have a Julia that you start join by itself: a block in its startup file; needs no daemon.

With --project, the file is .julia-startup.jl in that project; `julia --project
--load=.julia-startup.jl` starts a Julia there that is a session of it. With --global it is your own
startup.jl, which every Julia loads.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond.config import project_path
from kaimond.config.project_path import PathRefusedError
from kaimond.ctl import render
from kaimond.ctl.output import CtlError, remark, say, say_json
from kaimond.startup_jl import block, edit, places
from kaimond.startup_jl.edit import FileState, StartupError

if TYPE_CHECKING:
    import argparse

    from kaimond.startup_jl.edit import SeenFile

EXAMPLE: Final = "kaimonctl startup install --project ~/MyPkg\nkaimonctl startup show"

_COLOURS: Final = {
    FileState.INSTALLED: "green",
    FileState.OUTDATED: "yellow",
    FileState.UNCLEAR: "red",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("install", "write the block, or bring it up to date"),
        ("remove", "take the block out; the file is then as it was"),
    ):
        action = actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl startup {name} --global"
        )
        place = action.add_mutually_exclusive_group(required=True)
        _add_places(place)
    text = "where the block is, and whether it is up to date"
    showing = actions.add_parser(
        "show", help=text, description=text, epilog="example: kaimonctl startup show --json"
    )
    _add_places(showing)
    form = showing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--block", action="store_true", help="the block itself, to put in by hand")


def _add_places(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--project", metavar="DIR", help="the project in this directory")
    parser.add_argument("--global", dest="everywhere", action="store_true", help="every Julia")


@dataclass(frozen=True)
class _Place:
    """A startup file, the Julias that load it, and the option that selects it."""

    scope: str
    file: Path
    option: str


def _of_project(project: Path) -> _Place:
    option = f"--project {shlex.quote(str(project))}"
    return _Place(f"the project {project}", places.project_file(project), option)


def run(options: argparse.Namespace) -> int:
    """Install, remove or show the block in Julia's startup files."""
    directory = places.package_directory()
    if options.action == "show":
        if options.block:
            say(block.text(str(directory)).rstrip("\n"))
            return 0
        return _show(_places(options), directory, as_json=options.json)
    (place,) = _places(options)
    try:
        return _install(place, directory) if options.action == "install" else _remove(place)
    except StartupError as error:
        raise CtlError(str(error)) from None


def _places(options: argparse.Namespace) -> list[_Place]:
    """Return the selected startup files; without a selection, all that matter here."""
    found = []
    try:
        if options.everywhere or not options.project:
            found.append(_Place("every Julia", places.global_file(os.environ), "--global"))
        if options.project:
            project = project_path.resolve_project(os.path.abspath(options.project))  # noqa: PTH100 - as in `start`
            found.append(_of_project(project))
        elif not options.everywhere and places.project_file(Path.cwd()).exists():
            found.append(_of_project(Path.cwd()))
    except (places.PlaceError, PathRefusedError) as error:
        raise CtlError(f"{error} Nothing was changed.") from None
    return found


def _install(place: _Place, directory: Path) -> int:
    done = edit.install(place.file, directory)
    seen = edit.look(place.file, directory)
    file = render.escape(place.file)
    if seen.state is not FileState.INSTALLED:
        raise CtlError(
            f"{file} was written, but does not hold the block now ({render.escape(seen.problem)}): "
            "something else has changed it. Try again."
        )
    if not done.changed:
        say(f"{file}: the block is there and up to date; nothing was changed")
    elif done.existed:
        kept = f"; what it was before is in {render.escape(done.backup)}" if done.backup else ""
        say(f"{file}: the block is in{kept}")
    else:
        say(f"{file}: made, with the block in it")
    if place.file.name == ".julia-startup.jl":
        say("Start Julia in the project with: julia --project --load=.julia-startup.jl")
    if seen.own_call:
        remark(f"line {seen.own_call} of {file} calls Gate.serve as well; the block would do")
    return 0


def _remove(place: _Place) -> int:
    done = edit.remove(place.file)
    file = render.escape(place.file)
    if not done.changed:
        say(f"{file}: {'has no block of ours' if done.exists else 'does not exist'}")
    elif not done.exists:
        say(f"{file}: removed, as it held nothing but the block")
    else:
        kept = f"; {render.escape(done.backup)} stays, as it differs" if done.backup else ""
        say(f"{file}: the block is out, the rest is untouched{kept}")
    return 0


def _show(found: list[_Place], directory: Path, *, as_json: bool) -> int:
    seen = [(place, edit.look(place.file, directory)) for place in found]
    if as_json:
        say_json(
            {
                "package_directory": str(directory),
                "files": [_facts(place, one) for place, one in seen],
            }
        )
        return 0
    style = render.Style.of(sys.stdout)
    colours = [_COLOURS.get(one.state, "dim") for _, one in seen]
    rows = [(one.state, place.scope, place.file) for place, one in seen]
    say(render.table(("STATE", "FOR", "FILE"), rows, style, {0: colours}))
    for place, one in seen:
        if one.problem:
            remark(render.escape(f"{one.file}: {one.problem}"))
        elif one.state is FileState.OUTDATED:
            command = f"kaimonctl startup install {place.option}"
            remark(render.escape(f"{one.file} is brought up to date by: {command}"))
    return 0


def _facts(place: _Place, seen: SeenFile) -> dict[str, Any]:
    return {
        "for": place.scope,
        "file": str(place.file),
        "exists": seen.exists,
        "state": seen.state,
        "problem": seen.problem,
    }

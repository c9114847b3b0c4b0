"""See and change the preferences of sessions, by project; needs no daemon.

SCOPE is a project's directory (with a slash, or `.`), a folder's name for every project called so,
or '*' for all projects; quote the star for your shell.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond import paths
from kaimond.config import preferences, preferences_edit, projects
from kaimond.config.document_file import EditError
from kaimond.config.project_path import PathRefusedError
from kaimond.config.scope import Scope
from kaimond.ctl import render
from kaimond.ctl.output import CtlError, remark, say, say_json

if TYPE_CHECKING:
    import argparse

    from kaimond.config.projects import Projects

EXAMPLE: Final = "kaimonctl prefs set ~/MyPkg idle_timeout 3600"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="[list | get | set | unset]")
    parser.set_defaults(json=False)

    def add(name: str, text: str, example: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl prefs {example}"
        )

    listing = add("list", "what is set, and what is the default (the usual action)", "list")
    getting = add("get", "what holds for a project, and what says so", "get ~/MyPkg")
    setting = add("set", "set a preference", "set '*' idle_timeout 3600")
    text = "remove a preference, so that the next wider one counts"
    unsetting = add("unset", text, "unset ~/MyPkg idle_timeout")
    for action in (getting, setting, unsetting):
        action.add_argument("scope", metavar="SCOPE", help="directory, folder's name, or '*'")
    for action in (setting, unsetting):
        action.add_argument("name", choices=preferences.NAMES, metavar="NAME", help=_NAMES)
    getting.add_argument("name", choices=preferences.NAMES, metavar="NAME", nargs="?", help=_NAMES)
    setting.add_argument("value", metavar="VALUE", help="as in JSON: true, 3600, null, builtin")
    for action in (listing, getting):
        action.add_argument("--json", action="store_true", help="for programs")


_NAMES: Final = ", ".join(preferences.NAMES)


def run(options: argparse.Namespace) -> int:
    """Show or change `session_prefs`."""
    file = paths.resolve().projects_file
    if options.action in {None, "list"}:
        return _list(projects.load(file), as_json=options.json)
    try:
        scope = Scope.of(options.scope, Path.cwd())
        if options.action == "get":
            return _get(projects.load(file), scope, options.name, as_json=options.json)
        if options.action == "set":
            return _set(file, scope, options.name, options.value)
        return _unset(file, scope, options.name)
    except (PathRefusedError, EditError) as error:
        raise CtlError(str(error)) from None


def _set(file: Path, scope: Scope, name: str, text: str) -> int:
    value = _value(text)
    done = preferences_edit.set_value(file, scope, name, value)
    before = f" (was {json.dumps(done.before)})" if done.was_set and done.changed else ""
    already = "" if done.changed else " already"
    say(f"{render.escape(scope)}: {name} is{already} {json.dumps(value)}{render.escape(before)}")
    return 0


def _unset(file: Path, scope: Scope, name: str) -> int:
    done = preferences_edit.unset(file, scope, name)
    if not done.was_set:
        raise CtlError(
            f"{name} is not set for {render.escape(scope)}, so nothing was changed. "
            "`kaimonctl prefs list` shows what is set."
        )
    now = preferences.explain(projects.load(file).patterns or {}, scope)[name]
    says = f"{render.escape(now.pattern)} says so" if now.pattern else "the default"
    say(f"{render.escape(scope)}: {name} is unset; it is {json.dumps(now.value)} now, {says}")
    return 0


def _get(read: Projects, scope: Scope, only: str | None, *, as_json: bool) -> int:
    found = preferences.explain(read.patterns or {}, scope)
    if only:
        found = {only: found[only]}
    if as_json:
        told = {name: {"value": one.value, "from": one.pattern} for name, one in found.items()}
        say_json({**_head(read), "scope": scope.pattern, "preferences": told})
        return 0
    _remark_problems(read)
    rows = [
        (name, json.dumps(one.value), one.pattern or "the default") for name, one in found.items()
    ]
    say(render.table(("PREFERENCE", "VALUE", "FROM"), rows, render.Style.of(sys.stdout)))
    return 0


def _list(read: Projects, *, as_json: bool) -> int:
    patterns = read.patterns or {}
    default = preferences.Preferences()
    defaults = {name: getattr(default, name) for name in preferences.NAMES}
    if as_json:
        say_json({**_head(read), "session_prefs": patterns, "defaults": defaults})
        return 0
    _remark_problems(read)
    rows = [
        (pattern, name, json.dumps(value))
        for pattern, given in (*patterns.items(), ("(default)", defaults))
        for name, value in given.items()
    ]
    say(render.table(("SCOPE", "PREFERENCE", "VALUE"), rows, render.Style.of(sys.stdout)))
    return 0


def _head(read: Projects) -> dict[str, Any]:
    return {"file": str(read.file), "problems": [str(problem) for problem in read.problems]}


def _remark_problems(read: Projects) -> None:
    for problem in read.problems:
        remark(render.escape(problem))


def _value(text: str) -> Any:
    """Parse `text` as JSON, or else as a string without quotes."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

"""See and change the daemon's settings, and where each value comes from; needs no daemon.

Changes go to kaimond.d/90-kaimonctl.toml, whose values win over those in kaimond.toml. That file is
yours: it is read, and never written.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from kaimond import paths
from kaimond.config import settings, settings_edit
from kaimond.config.settings import KEYS, SettingsError
from kaimond.ctl import ending, render
from kaimond.ctl.output import CtlError, remark, say, say_json

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from kaimond.config.settings import Described, Key, Loaded
    from kaimond.paths import Paths

EXAMPLE: Final = "kaimonctl config list\nkaimonctl config set julia.command +lts"

_OF_SESSIONS: Final = {"julia", "environment"}
"""Tables about a session's process, which keeps the values that it was started with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="[list | get | set | unset]")
    parser.set_defaults(json=False)

    def add(name: str, text: str, example: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl config {example}"
        )

    text = "all settings, their values and where these come from (the usual action)"
    listing = add("list", text, "list")
    getting = add("get", "one setting: value, origin, default, what is allowed", "get eval.keep")
    setting = add("set", "set a setting in kaimonctl's own file", "set eval.keep 500")
    text = "remove a setting from kaimonctl's own file, so that kaimond.toml or the default counts"
    unsetting = add("unset", text, "unset eval.keep")
    for action in (getting, setting, unsetting):
        about = "such as eval.keep; `kaimonctl config list` shows all"
        action.add_argument("name", choices=tuple(KEYS), metavar="NAME", help=about)
    about = "as it is or as in TOML: 500, 2.5, +lts; several words for a list"
    setting.add_argument("value", metavar="VALUE", nargs="+", help=about)
    for action in (listing, getting):
        action.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """Show or change the settings."""
    where = paths.resolve()
    try:
        if options.action in {None, "list"}:
            return _list(where, as_json=options.json)
        key = KEYS[options.name]
        if options.action == "get":
            return _get(where, key, as_json=options.json)
        if options.action == "set":
            return _set(where, key, options.value)
        return _unset(where, key)
    except SettingsError as error:
        raise CtlError(str(error)) from None


def _list(where: Paths, *, as_json: bool) -> int:
    loaded = _load(where)
    described = settings.describe(loaded)
    if as_json:
        say_json(
            {
                "file": str(where.settings_file),
                "overlay": str(where.settings_overlay),
                "settings": [_facts(each) for each in described],
                "warnings": loaded.warnings,
            }
        )
        return 0
    for warning in loaded.warnings:
        remark(render.escape(warning))
    rows = [
        (each.name, _toml(each.value), _short(each.origin, where.config), each.meaning)
        for each in described
    ]
    style = render.Style.of(sys.stdout)
    colours = ["green" if each.origin else "dim" for each in described]
    say(render.table(("SETTING", "VALUE", "FROM", "MEANING"), rows, style, {2: colours}))
    return 0


def _get(where: Paths, key: Key, *, as_json: bool) -> int:
    found = _described(_load(where), key)
    if as_json:
        say_json(_facts(found))
        return 0
    say(render.escape(f"{found.name} = {_toml(found.value)}"))
    say(f"  origin   {_from(found)}")
    say(f"  default  {render.escape(_toml(found.default))}")
    say(f"  allowed  {found.allowed}")
    say(f"  meaning  {found.meaning}")
    return 0


def _set(where: Paths, key: Key, words: list[str]) -> int:
    try:
        value = settings_edit.value_of(key, words)
    except SettingsError as error:
        raise CtlError(f"{error} Nothing was changed.") from None
    before = _described_if_sound(where, key)
    changed = settings_edit.set_value(where.settings_overlay, key, value)
    ours = where.settings_overlay / settings_edit.OURS
    now = _described_if_sound(where, key)
    text = f"{key.name} is {'' if changed else 'already '}{_toml(value)}"
    if now and now.origin != ours:
        say(render.escape(f"{text} in {ours}"))
        remark(
            f"that has no effect: {render.escape(now.origin)} is read later and says "
            f"{render.escape(_toml(now.value))}. Change it there, or remove it."
        )
        return 0
    was = f" (was {_toml(before.value)}, {_from(before)})" if before and changed else ""
    say(render.escape(text) + was)
    return _finish(where, key)


def _unset(where: Paths, key: Key) -> int:
    ours = where.settings_overlay / settings_edit.OURS
    removed = settings_edit.unset(where.settings_overlay, key)
    now = _described_if_sound(where, key)
    holds = f"it is {_toml(now.value)}, {_from(now)}" if now else ""
    if not removed:
        raise CtlError(
            f"{key.name} is not set in {ours}, so nothing was changed"
            + (f"; {holds}." if holds else ".")
        )
    say(f"{key.name} is unset" + (f"; {holds}" if holds else ""))
    return _finish(where, key)


def _finish(where: Paths, key: Key) -> int:
    """Say when a change takes effect, or why it does not yet."""
    try:
        settings.load(where.settings_file, where.settings_overlay)
    except SettingsError as error:
        remark(f"{render.escape(error)} Until that is corrected, kaimond does not start.")
        return 0
    sessions = ", and a session when it starts or restarts after that"
    if ending.lock_is_held():
        text = "kaimond goes on with what it has read; it reads this on `kaimonctl reload`"
    else:
        text = "kaimond reads it when it starts"
    say(f"{text}{sessions if key.table in _OF_SESSIONS else ''}.")
    return 0


def _load(where: Paths) -> Loaded:
    try:
        return settings.load(where.settings_file, where.settings_overlay)
    except SettingsError as error:
        raise SettingsError(
            f"{error} Until that is corrected, kaimond does not start; one that runs goes on."
        ) from None


def _described(loaded: Loaded, key: Key) -> Described:
    return next(each for each in settings.describe(loaded) if each.name == key.name)


def _described_if_sound(where: Paths, key: Key) -> Described | None:
    """Return the setting in effect; None if a file keeps the settings from being read."""
    try:
        return _described(settings.load(where.settings_file, where.settings_overlay), key)
    except SettingsError:
        return None


def _facts(each: Described) -> dict[str, Any]:
    return {
        "name": each.name,
        "value": each.value,
        "from": str(each.origin) if each.origin else None,
        "default": each.default,
        "allowed": each.allowed,
        "meaning": each.meaning,
    }


def _from(found: Described) -> str:
    return f"from {render.escape(found.origin)}" if found.origin else "the default"


def _short(origin: Path | None, directory: Path) -> str:
    return str(origin.relative_to(directory)) if origin else "default"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

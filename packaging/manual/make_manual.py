"""Writes manual pages and completion scripts into a folder laid out as below ``share``.

The wheel is built with it (`packaging/wheel_hook.py`), so neither can be older than the code. Needs
the standard library only: ``PYTHONPATH=. python packaging/manual/make_manual.py FOLDER``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import roff

from kaimond import __version__, daemon
from kaimond.config.settings import KEYS
from kaimond.ctl import completion, outline
from kaimond.ctl.output import ExitCode

COMPLETIONS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/site-functions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}
"""Where each shell looks below ``share``."""

_FILES = (
    ("~/.config/kaimon/projects.json", "the projects that agents may start"),
    ("~/.config/kaimon/kaimond.toml", "settings of the daemon, see kaimond.toml(5)"),
    ("~/.local/state/kaimon/kaimond.db", "sessions and evaluations that the daemon remembers"),
    ("~/.local/state/kaimon/log/server.log", "the daemon's log"),
    ("~/.local/state/kaimon/log/sessions/KEY.log", "what a session has written"),
    ("/run/user/UID/kaimon/kaimond.sock", "the control socket, where there is such a folder"),
    ("~/.local/state/kaimon/run/kaimond.sock", "the control socket elsewhere"),
)
_ENVIRONMENT = (
    ("KAIMON_RUNTIME_DIR", "the directory of the control socket; the same for all programs"),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME", "move configuration, state and caches"),
    ("NO_COLOR", "no colours in kaimonctl"),
)
_EXIT = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "refused or failed",
    ExitCode.USAGE: "wrong usage; nothing was done",
    ExitCode.NOT_RUNNING: "the daemon does not run",
    ExitCode.UNKNOWN: "its state, or whether something was done, is unknown",
    ExitCode.INTERRUPTED: "interrupted from the keyboard",
}


def files() -> dict[str, str]:
    """The content of every file, by its path below ``share``."""
    made = {
        "man/man1/kaimond.1": kaimond(),
        "man/man1/kaimonctl.1": kaimonctl(),
        "man/man1/kaimon-mcp.1": kaimon_mcp(),
        "man/man5/kaimond.toml.5": kaimond_toml(),
    }
    programs = [outline.kaimonctl(), outline.of(daemon.parser())]
    for shell, script in completion.SHELLS.items():
        for program in programs:
            made[COMPLETIONS[shell].format(program.words[0])] = script(program)
    return made


def kaimonctl() -> str:
    """The page of ``kaimonctl``."""
    program = outline.kaimonctl()
    page = roff.Page("kaimonctl", 1, "see and steer the Kaimon daemon", __version__)
    page.section("SYNOPSIS", f"{roff.bold('kaimonctl')} {roff.italic('COMMAND')} ...")
    page.section("DESCRIPTION", roff.prose(program.description))
    page.text(
        roff.escape("Data goes to standard output, messages to standard error. Colours are used ")
        + roff.escape("on terminals only. Everything knows --help.")
    )
    page.section("OPTIONS")
    _options(page, program)
    page.section("COMMANDS")
    for command in program.actions:
        for each in command.walk():
            _describe(page, each)
    page.section("EXIT STATUS")
    for code, meaning in _EXIT.items():
        page.item(roff.bold(str(int(code))), roff.escape(meaning))
    _lists(page)
    _see_also(page, "kaimond(1)", "kaimon-mcp(1)", "kaimond.toml(5)")
    return str(page)


def kaimond() -> str:
    """The page of the daemon."""
    program = outline.of(daemon.parser())
    page = roff.Page("kaimond", 1, "the daemon that owns the Julia sessions of agents", __version__)
    page.section("SYNOPSIS", _synopsis(program))
    page.section("DESCRIPTION", roff.prose(program.description))
    page.text(
        roff.prose(
            "One daemon runs for each user. It starts by itself when the first agent needs it, and "
            "`kaimonctl service install` has it started at login. SIGHUP makes it check the "
            "installed version and, if that can start, execute it in its own place: sessions, "
            "running evaluations and connections stay. SIGTERM ends it and, unless "
            '`daemon.on_stop` is "keep", its sessions.'
        )
    )
    page.section("OPTIONS")
    _options(page, program)
    page.section("EXIT STATUS")
    for code, meaning in (
        (0, "ended in order; with --detach: the daemon answers"),
        (1, "it could not start, or another one runs"),
        (2, "the settings, the state or a directory cannot be used"),
    ):
        page.item(roff.bold(str(code)), roff.escape(meaning))
    page.section("EXAMPLES", roff.example(_examples(program)))
    _lists(page)
    _see_also(page, "kaimonctl(1)", "kaimon-mcp(1)", "kaimond.toml(5)")
    return str(page)


def kaimon_mcp() -> str:
    """The page of the shim."""
    page = roff.Page("kaimon-mcp", 1, "gives an MCP client the tools of Kaimon", __version__)
    page.section("SYNOPSIS", roff.bold("kaimon-mcp"))
    page.section(
        "DESCRIPTION",
        roff.prose(
            "An MCP client starts this program and speaks MCP with it on standard input and "
            "output. It passes the requests on to the daemon, which it starts if none runs, and "
            "ends with its client only: while the daemon is upgraded or started anew, it waits and "
            "settles what was under way."
        ),
    )
    page.section("OPTIONS")
    page.item(f"{roff.bold('-h')}, {roff.bold('--help')}", "show the usage and exit")
    page.item(roff.bold("--version"), "show the version and exit")
    page.section("EXAMPLES", roff.example("kaimonctl mcp install --client claude"))
    _see_also(page, "kaimonctl(1)", "kaimond(1)")
    return str(page)


def kaimond_toml() -> str:
    """The page of the settings."""
    page = roff.Page("kaimond.toml", 5, "settings of the Kaimon daemon", __version__)
    page.section(
        "DESCRIPTION",
        roff.prose(
            "`~/.config/kaimon/kaimond.toml` and, after it, the files "
            "`~/.config/kaimon/kaimond.d/*.toml` in the order of their names are read when the "
            "daemon starts; a later file wins key by key. All keys are optional. An unknown key is "
            "ignored with a warning in `kaimonctl status`; a value that is not allowed keeps the "
            "daemon from starting. `kaimonctl config` shows all of them with their origins, and "
            "sets them in a file of its own, `kaimond.d/90-kaimonctl.toml`."
        ),
    )
    page.section("KEYS")
    for key in KEYS.values():
        text = f"{key.rule.meaning}. Allowed is {key.rule.allowed}. The default is "
        page.item(roff.bold(key.name), roff.escape(text) + roff.bold(_toml(key.default)) + ".")
    example = '[julia]\ncommand = "~/.juliaup/bin/julia"\n\n[environment]\npass = ["MY_DATA"]'
    page.section("EXAMPLES", roff.example(example))
    _see_also(page, "kaimond(1)", "kaimonctl(1)")
    return str(page)


def _describe(page: roff.Page, each: outline.Outline) -> None:
    page.subsection(" ".join(each.words))
    page.text(_synopsis(each))
    # What an action is for is told by the command that it belongs to, if it says no more.
    page.text(roff.prose(each.description))
    for argument in each.arguments:
        page.item(roff.italic(argument.metavar), _meaning(argument))
    _options(page, each)
    page.text("For example:")
    page.text(roff.example(_examples(each)))


def _synopsis(each: outline.Outline) -> str:
    parts = [roff.bold(" ".join(each.words))]
    if each.actions:
        parts.append(roff.italic("ACTION") + " ...")
    for option in _special(each):
        value = f" {roff.italic(option.metavar)}" if option.metavar else ""
        parts.append(f"[{roff.bold(option.names[-1])}{value}]")
    for argument in each.arguments:
        name = roff.italic(argument.metavar) + (" ..." if argument.many else "")
        parts.append(name if argument.required else f"[{name}]")
    return " ".join(parts)


def _options(page: roff.Page, each: outline.Outline) -> None:
    for option in _special(each):
        value = f" {roff.italic(option.metavar)}" if option.metavar else ""
        names = ", ".join(roff.bold(name) for name in option.names)
        page.item(f"{names}{value}", _meaning(option))


def _special(each: outline.Outline) -> list[outline.Argument]:
    """The options besides ``--help``, which everything has."""
    return [option for option in each.options if "--help" not in option.names]


def _meaning(argument: outline.Argument) -> str:
    one_of = f" (one of: {', '.join(argument.choices)})" if argument.choices else ""
    return roff.escape(argument.help + one_of)


def _examples(each: outline.Outline) -> str:
    """The lines behind "example:" or below "examples:" of a help's last part."""
    _, _, text = each.epilog.partition(":")
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _lists(page: roff.Page) -> None:
    page.section("FILES")
    for path, meaning in _FILES:
        page.item(roff.italic(path), roff.escape(meaning))
    page.section("ENVIRONMENT")
    for name, meaning in _ENVIRONMENT:
        page.item(roff.bold(name), roff.escape(meaning))


def _see_also(page: roff.Page, *names: str) -> None:
    page.section("SEE ALSO", ", ".join(f"{roff.bold(name[:-3])}{name[-3:]}" for name in names))


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower()


def main() -> None:
    """Write all files."""
    folder = Path(sys.argv[1])
    for name, text in files().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

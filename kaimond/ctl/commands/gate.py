"""Help with what runs inside Julia: find it, try it, compile it in advance; needs no daemon.

Nothing of it changes an environment of yours: Julia finds the package through its LOAD_PATH.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.ctl import render
from kaimond.ctl.output import CtlError, ExitCode, remark, say, say_json
from kaimond.startup_jl import block, places

if TYPE_CHECKING:
    import argparse

EXAMPLE: Final = "kaimonctl gate dev\nkaimonctl gate doctor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("path", "print the entry of LOAD_PATH with which `using Kaimon` works"),
        ("dev", "say what to type for `using Kaimon` to work: once, in a shell, everywhere"),
        ("doctor", "start Julia once, and say whether Kaimon loads and finds what it needs"),
        ("precompile", "compile the gate now for the Julia of sessions, so that they start fast"),
    ):
        action = actions.add_parser(
            name, help=text, description=text, epilog=f"example: kaimonctl gate {name}"
        )
        action.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """Print where the package is, how to load it, or whether that works; or precompile the gate."""
    directory = places.package_directory()
    if options.action == "path":
        if options.json:
            say_json({"path": str(directory)})
        else:
            say(str(directory))
        return 0
    if options.action == "dev":
        return _dev(directory, as_json=options.json)
    if options.action == "precompile":
        return _precompile(as_json=options.json)
    return _doctor(directory, as_json=options.json)


def _dev(directory: Path, *, as_json: bool) -> int:
    in_julia = f"push!(LOAD_PATH, {block.quoted(str(directory))}); using Kaimon; Gate.serve()"
    # An empty entry stands for Julia's default load path.
    in_shell = f'export JULIA_LOAD_PATH="${{JULIA_LOAD_PATH:-}}:"{shlex.quote(str(directory))}'
    everywhere = "kaimonctl startup install --global"
    if as_json:
        say_json({"julia": in_julia, "shell": in_shell, "everywhere": everywhere})
        return 0
    say(
        "Nothing of this changes an environment of yours. Choose one.\n\n"
        f"In a Julia that runs, type:\n  {in_julia}\n\n"
        "For what you start from a shell, put this into its profile; then `using Kaimon` works:\n"
        f"  {in_shell}\n\n"
        f"For every Julia, and to join by itself:\n  {everywhere}"
    )
    return 0


def _doctor(directory: Path, *, as_json: bool) -> int:
    from kaimond.doctor.gate import try_gate  # noqa: PLC0415 - it takes long to load
    from kaimond.doctor.world import Contact, DaemonState, World  # noqa: PLC0415 - as above

    tried = try_gate(World(Contact(DaemonState.ABSENT)), directory, Path.cwd())
    what, cure = tried.verdict
    if as_json:
        facts = {"julia_path": tried.julia, "package_directory": str(directory), **tried.facts}
        say_json({"ok": tried.works, "verdict": what, "cure": cure or None, "facts": facts})
    else:
        style = render.Style.of(sys.stdout)
        rows = [(name, tried.facts[key]) for key, name in _SHOWN.items() if key in tried.facts]
        if tried.julia:
            rows.insert(0, ("Julia", f"{tried.facts.get('julia', '?')} ({tried.julia})"))
        for name, value in rows:
            say(f"{name:8} {render.escape(value)}")
        word = style.paint("ok", "green") if tried.works else style.paint("fail", "red")
        say(f"{word}: {render.escape(what)}" + (f"\n  -> {render.escape(cure)}" if cure else ""))
    return ExitCode.DONE if tried.works else ExitCode.FAILED


def _precompile(*, as_json: bool) -> int:
    from kaimond.doctor.checks.julia import split_cure  # noqa: PLC0415 - as below
    from kaimond.doctor.precompile import (  # noqa: PLC0415 - it takes long to load
        NotPrecompiledError,
        precompile,
    )
    from kaimond.doctor.world import Contact, DaemonState, World  # noqa: PLC0415 - as above
    from kaimond.toolchain.find_julia import JuliaError  # noqa: PLC0415 - as above

    world = World(Contact(DaemonState.ABSENT))
    path = None
    try:
        julia = world.julia()
        if not as_json:
            remark(f"compiling the gate for Julia {julia.version} ({julia.path}), a minute or two")
        path = precompile(world, julia)
    except JuliaError as error:
        text, cure = split_cure(str(error))
        raise CtlError(f"{text}. Nothing was done. {cure}") from None
    except NotPrecompiledError as error:
        raise CtlError(
            f"The gate could not be precompiled for {julia.path}. Sessions start without it, only "
            f"slower. {error}"
        ) from None
    if as_json:
        say_json({"julia": julia.path, "path": str(path) if path else None})
    elif path:
        say(f"The gate is precompiled for Julia {julia.version} ({path}).")
    else:
        say(f"Julia {julia.version} keeps no machine code, as 1.9 and newer do: nothing was done.")
    return ExitCode.DONE


_SHOWN: Final = {"file": "Kaimon", "version": "version", "libzmq": "libzmq"}

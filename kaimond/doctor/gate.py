"""Starts a Julia once, as a person would, to find out whether the gate works there."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kaimond.doctor.world import World

TIMEOUT: Final = 120.0
"""Seconds; the first `using` may compile, and a launcher may install a Julia first."""

_MARK: Final = "kaimond-trial"
_LAST_BYTES: Final = 2000

_PROGRAM: Final = """
const say = (name, value) -> println("kaimond-trial ", name, " ", value)
say("julia", VERSION)
using Kaimon
say("uuid", Base.PkgId(Kaimon).uuid)
say("file", pathof(Kaimon))
isdefined(Kaimon, :PACKAGE_VERSION) && say("version", Kaimon.PACKAGE_VERSION)
library = try
    Kaimon.find_libzmq()
catch error
    say("no-libzmq", first(split(sprint(showerror, error), '\\n')))
    exit()
end
say("libzmq", library)
try
    Kaimon.LibZMQ(library)
    say("loaded", library)
catch error
    say("not-loaded", first(split(sprint(showerror, error), '\\n')))
end
"""

_UUID: Final = "a21192e0-c747-40e2-a203-a8df58b0ebbe"


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of starting Julia once.

    Attributes:
        julia: The program that was started; empty if none was found.
        facts: Its output, by name.
        words: How it ended and its other output, or why no Julia was found.
    """

    julia: str
    facts: Mapping[str, str]
    words: str = ""

    @property
    def loads(self) -> bool:
        """Whether `using Kaimon` loads our package."""
        return self.facts.get("uuid") == _UUID

    @property
    def works(self) -> bool:
        """Whether a gate could be opened too."""
        return self.loads and "loaded" in self.facts

    @property
    def verdict(self) -> tuple[str, str]:
        """What is true, and what to do about it ("" if nothing)."""
        facts = self.facts
        if not self.julia:
            return self.words, ""
        if "julia" not in facts:
            return (
                f"{self.julia} did not run Julia code. {self.words}".rstrip(),
                "Try it by hand; another Julia is named by [julia] command in kaimond.toml.",
            )
        if "uuid" not in facts:
            return (
                f"`using Kaimon` fails in Julia {facts['julia']}. {self.words}".rstrip(),
                "Julia 1.5 or newer is needed. If it is that, please report this.",
            )
        if not self.loads:
            cure = (
                "An environment of yours has it, and comes first. Remove it there (`pkg> rm "
                "Kaimon`), or start Julia with a project that does not have it."
            )
            where = facts.get("file", "?")
            return f"`using Kaimon` loads another package of that name: {where}", cure
        if "no-libzmq" in facts:
            return f"Kaimon loads, but has no libzmq: {facts['no-libzmq']}", "See there."
        if not self.works:
            library, why = facts.get("libzmq", "libzmq"), facts.get("not-loaded", self.words)
            cure = "Reinstall kaimond, or name another libzmq by the variable KAIMON_LIBZMQ."
            return f"Kaimon loads, but {library} does not: {why}", cure
        return f"`using Kaimon; Gate.serve()` works in Julia {facts['julia']}", ""


def try_gate(world: World, directory: Path, cwd: Path) -> Trial:
    """Find the default Julia of sessions and start it once.

    Args:
        world: The user's environment.
        directory: The directory that contains the package.
        cwd: The directory in which Julia is started.
    """
    from kaimond.toolchain.find_julia import JuliaError  # noqa: PLC0415 - its imports may fail

    try:
        julia = world.julia()
    except JuliaError as error:
        return Trial("", {}, str(error))
    return run(julia.path, directory, world.environ, cwd)


def load_path(environ: Mapping[str, str], directory: Path) -> str:
    """Return JULIA_LOAD_PATH with `directory` appended to its present meaning."""
    return f"{environ.get('JULIA_LOAD_PATH', '')}{os.pathsep}{directory}"


def run(julia: str, directory: Path, environ: Mapping[str, str], cwd: Path) -> Trial:
    """Start Julia once, without startup files, and return the result.

    Args:
        julia: The program to start.
        directory: The directory that contains the package.
        environ: The environment for Julia.
        cwd: The directory in which Julia is started.
    """
    process = subprocess.Popen(
        [julia, "--startup-file=no", "--color=no", "-e", _PROGRAM],
        cwd=cwd,
        env={**environ, "JULIA_LOAD_PATH": load_path(environ, directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
        ended = f"It ended with code {process.returncode}."
    except subprocess.TimeoutExpired:
        output, ended = b"", f"It was not done within {TIMEOUT:.0f} s and was killed."
    finally:
        if process.poll() is None:
            # Julia leads its own process group, so this also ends a launcher's children.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return _read(julia, output, ended)


def _read(julia: str, output: bytes, ended: str) -> Trial:
    facts, other = {}, []
    for line in output.decode("utf-8", "replace").splitlines():
        mark, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if mark == _MARK and name:
            facts[name] = value
        else:
            other.append(line)
    said = "\n".join(other)[-_LAST_BYTES:].strip()
    return Trial(julia, facts, f"{ended} It said: {said}" if said else ended)

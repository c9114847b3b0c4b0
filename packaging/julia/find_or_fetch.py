"""Find the Julia that demo and tests use, or fetch one: what `make julia` runs.

In this order: KAIMON_JULIA, `julia` on PATH, the Julia fetched earlier into `.julia`, a new fetch.
Needs the Python standard library only, because it runs before anything else is known to work.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import debian
from private_apt import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST = (1, 5)
CHECKOUT = Path(__file__).resolve().parents[2]
_VERSION_TIMEOUT = 60
_ADVICE = "Install Julia, for instance with juliaup, or set KAIMON_JULIA to the path of one."


class NoJuliaError(Exception):
    """There is no Julia to use; the message says why and what to do."""


@dataclass(frozen=True)
class Julia:
    """A Julia that was seen to run.

    Attributes:
        path: Absolute path of the program; links are kept, because juliaup tells its programs
            apart by their names.
        version: What it says of itself, such as `1.5.3`.
        origin: Where it was found, in words for a person.
        remark: What else the person should know, or an empty string.
    """

    path: Path
    version: str
    origin: str
    remark: str = ""


def find(environment: Mapping[str, str], checkout: Path) -> Julia:
    """Find a Julia without fetching one.

    Args:
        environment: Where KAIMON_JULIA and PATH are read.
        checkout: The repository that may hold a fetched Julia in `.julia`.

    Raises:
        NoJuliaError: None was found, or KAIMON_JULIA names something that is not a usable Julia. A
            choice made by hand is never passed over in silence.
    """
    chosen = environment.get("KAIMON_JULIA", "")
    search_path = environment.get("PATH", os.defpath)
    if chosen:
        program = shutil.which(os.path.expanduser(chosen), path=search_path)  # noqa: PTH111 - Path drops "./"
        if program is None:
            raise NoJuliaError(
                f"KAIMON_JULIA is {chosen!r}, which is no program. Correct it or unset it."
            )
        return _usable(Path(program), "KAIMON_JULIA", f"KAIMON_JULIA is {chosen!r}, but")
    remark = ""
    program = shutil.which("julia", path=search_path)
    if program is not None:
        try:
            return _usable(Path(program), "on PATH", "the julia on PATH was passed over:")
        except NoJuliaError as error:
            remark = str(error)
    fetched = checkout / ".julia" / "bin" / "julia"
    if fetched.exists():
        julia = _usable(
            fetched, "fetched earlier from Debian", "the Julia fetched earlier is of no use:"
        )
        return Julia(julia.path, julia.version, julia.origin, remark)
    raise NoJuliaError(
        remark or "there is no Julia on this machine: KAIMON_JULIA is not set and PATH has no julia"
    )


def find_or_fetch(environment: Mapping[str, str], checkout: Path) -> Julia:
    """Find a Julia, or fetch one into the checkout when there is none.

    Raises:
        NoJuliaError: None was found and none could be fetched.
    """
    try:
        return find(environment, checkout)
    except NoJuliaError as not_found:
        if environment.get("KAIMON_JULIA"):
            raise
        try:
            wrapper = debian.fetch(checkout / ".julia")
        except FetchError as error:
            raise NoJuliaError(f"{not_found}; {error}. {_ADVICE}") from error
    return _usable(
        wrapper, f"fetched from Debian, suite {debian.SUITE}", "the fetched Julia is of no use:"
    )


def _usable(program: Path, origin: str, complaint: str) -> Julia:
    """Ask a program for its version.

    Raises:
        NoJuliaError: It does not run, is no Julia or is too old; `complaint` begins the message.
    """
    path = Path(os.path.abspath(program))  # noqa: PTH100 - resolve() would follow juliaup's links
    try:
        done = subprocess.run(
            [str(path), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoJuliaError(f"{complaint} {path} does not run ({error})") from error
    said = re.fullmatch(r"julia version (((\d+)\.(\d+))\S*)\s*", done.stdout)
    if done.returncode != 0 or said is None:
        raise NoJuliaError(f"{complaint} {path} --version does not answer like a Julia")
    version = said[1]
    if (int(said[3]), int(said[4])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NoJuliaError(
            f"{complaint} {path} is Julia {version}, and kaimond needs {oldest} or newer"
        )
    return Julia(path, version, origin)


def main(arguments: list[str]) -> int:
    """Say which Julia is used; return the exit status."""
    parser = argparse.ArgumentParser(description="Find the Julia for demo and tests, or fetch one.")
    parser.add_argument(
        "--print", action="store_true", help="only find, and print nothing but the path"
    )
    only_print = parser.parse_args(arguments).print
    try:
        julia = find(os.environ, CHECKOUT) if only_print else find_or_fetch(os.environ, CHECKOUT)
    except NoJuliaError as error:
        advice = " Run `make julia` to fetch one." if only_print else ""
        print(f"make julia: {error}{advice}", file=sys.stderr)
        return 1
    if only_print:
        print(julia.path)
    else:
        print(
            f"Julia {julia.version} ({julia.origin}): {julia.path}"
            + (f" ({julia.remark})" if julia.remark else "")
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

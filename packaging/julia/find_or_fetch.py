"""Find the Julias that demo and tests use, or fetch one: what `make julia` runs.

The tests use those that JULIAS names. Without it they use KAIMON_JULIA or else `julia` on PATH, and
the versions that juliaup has installed; if there is none of these, the Julia fetched earlier into
`.julia`; at last, a new fetch. The demo uses one of them.
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
import juliaup_versions
from private_apt import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OLDEST = (1, 5)
SUPPORTED = ("1.10", "1.11", "1.12")
"""The versions that people use, and that the tests must have run on before a release."""

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
    """

    path: Path
    version: str
    origin: str


@dataclass(frozen=True)
class AtHand:
    """The Julias to test with.

    Attributes:
        preferred: The one to use where one is enough.
        julias: All of them, the newest first, each version once.
        passed_over: What was found besides and is of no use, with the reason.
    """

    preferred: Julia
    julias: tuple[Julia, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Which supported versions are not at hand."""
        present = {".".join(julia.version.split(".")[:2]) for julia in self.julias}
        return tuple(version for version in SUPPORTED if version not in present)


def find(environment: Mapping[str, str], checkout: Path) -> Julia:
    """Find the one Julia of the demo and of the long runs, without fetching it.

    Args:
        environment: Where KAIMON_JULIA, JULIAS, PATH and the place of juliaup are read.
        checkout: The repository that may hold a fetched Julia in `.julia`.

    Raises:
        NoJuliaError: As of `find_all`.
    """
    chosen = environment.get("KAIMON_JULIA", "")
    if chosen:
        return _named("KAIMON_JULIA", chosen, environment)
    return find_all(environment, checkout).preferred


def find_all(environment: Mapping[str, str], checkout: Path) -> AtHand:
    """Find the Julias to test with, without fetching one.

    Args:
        environment: Where JULIAS, KAIMON_JULIA, PATH and the place of juliaup are read.
        checkout: The repository that may hold a fetched Julia in `.julia`.

    Raises:
        NoJuliaError: None was found, JULIAS or KAIMON_JULIA names something that is not a usable
            Julia, or JULIAS names two of one version. A choice made by hand is never passed over.
    """
    named = environment.get("JULIAS", "").split()
    if named:
        return _all_named(_named("JULIAS", program, environment) for program in named)
    found, passed_over = _installed(environment)
    fetched = checkout / ".julia" / "bin" / "julia"
    if not found and fetched.exists():
        complaint = "the Julia fetched earlier is of no use:"
        found.append(_usable(fetched, "fetched earlier from Debian", complaint))
    if not found:
        raise NoJuliaError(
            "; ".join(passed_over)
            or "there is no Julia on this machine: neither JULIAS nor KAIMON_JULIA is set, PATH "
            "has no julia, and juliaup has installed none"
        )
    return AtHand(found[0], _newest_first(found), tuple(passed_over))


def find_or_fetch(environment: Mapping[str, str], checkout: Path) -> AtHand:
    """Find the Julias to test with, or fetch one into the checkout when there is none.

    Raises:
        NoJuliaError: None was found and none could be fetched.
    """
    try:
        return find_all(environment, checkout)
    except NoJuliaError as not_found:
        if chosen_by_hand(environment):
            raise
        try:
            wrapper = debian.fetch(checkout / ".julia")
        except FetchError as error:
            raise NoJuliaError(f"{not_found}; {error}. {_ADVICE}") from error
    julia = _usable(
        wrapper, f"fetched from Debian, suite {debian.SUITE}", "the fetched Julia is of no use:"
    )
    return AtHand(julia, (julia,))


def chosen_by_hand(environment: Mapping[str, str]) -> bool:
    """Whether a person has named Julias, so that none else will do."""
    return bool(environment.get("JULIAS", "").split() or environment.get("KAIMON_JULIA", ""))


def _installed(environment: Mapping[str, str]) -> tuple[list[Julia], list[str]]:
    """The Julias that the person has, the one in use first, and why others are of no use.

    Raises:
        NoJuliaError: KAIMON_JULIA names one that is of no use.
    """
    found: list[Julia] = []
    passed_over: list[str] = []
    others: list[tuple[Path, str]] = []
    chosen = environment.get("KAIMON_JULIA", "")
    if chosen:
        found.append(_named("KAIMON_JULIA", chosen, environment))
    elif program := shutil.which("julia", path=_search_path(environment)):
        others.append((Path(program), "on PATH"))
    try:
        versions = juliaup_versions.installed(environment)
        others += [(path, "installed by juliaup") for path in versions]
    except juliaup_versions.JuliaupError as error:
        passed_over.append(f"the Julias of juliaup were passed over: {error}")
    for path, origin in others:
        try:
            found.append(_usable(path, origin, f"the julia {origin} was passed over:"))
        except NoJuliaError as error:
            passed_over.append(str(error))
    return found, passed_over


def _named(variable: str, chosen: str, environment: Mapping[str, str]) -> Julia:
    """A Julia that a variable names, by path or by a program's name.

    Raises:
        NoJuliaError: It is of no use.
    """
    expanded = os.path.expanduser(chosen)  # noqa: PTH111 - Path drops "./"
    program = shutil.which(expanded, path=_search_path(environment))
    has = "is" if variable == "KAIMON_JULIA" else "names"
    if program is None:
        raise NoJuliaError(
            f"{variable} {has} {chosen!r}, which is no program. Correct it or unset it."
        )
    return _usable(Path(program), variable, f"{variable} {has} {chosen!r}, but")


def _search_path(environment: Mapping[str, str]) -> str:
    return environment.get("PATH", os.defpath)


def _all_named(named: Iterable[Julia]) -> AtHand:
    """What JULIAS names, all of it.

    Raises:
        NoJuliaError: One of two with the same version would be passed over in silence.
    """
    found: dict[str, Julia] = {}
    for julia in named:
        other = found.setdefault(julia.version, julia)
        if other is not julia:
            raise NoJuliaError(
                f"JULIAS names Julia {julia.version} twice: {other.path} and {julia.path}. "
                "Name each version once."
            )
    return AtHand(next(iter(found.values())), _newest_first(found.values()))


def _newest_first(found: Iterable[Julia]) -> tuple[Julia, ...]:
    """Each version once, as it was found first."""
    by_version: dict[str, Julia] = {}
    for julia in found:
        by_version.setdefault(julia.version, julia)
    return tuple(sorted(by_version.values(), key=_age, reverse=True))


def _age(julia: Julia) -> tuple[list[int], bool, str]:
    numbers, _, prerelease = julia.version.partition("-")
    return [int(number) for number in re.findall(r"\d+", numbers)], not prerelease, prerelease


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
    """Say which Julias are used; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Find the Julias for demo and tests, or fetch one."
    )
    parser.add_argument(
        "--print", action="store_true", help="only find, and print nothing but the path of one"
    )
    only_print = parser.parse_args(arguments).print
    try:
        if only_print:
            print(find(os.environ, CHECKOUT).path)
            return 0
        at_hand = find_or_fetch(os.environ, CHECKOUT)
    except NoJuliaError as error:
        advice = " Run `make julia` to fetch one." if only_print else ""
        print(f"make julia: {error}{advice}", file=sys.stderr)
        return 1
    for julia in at_hand.julias:
        print(f"Julia {julia.version} ({julia.origin}): {julia.path}")
    for remark in at_hand.passed_over:
        print(remark)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

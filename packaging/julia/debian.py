"""Fetch a Julia from the machine's own Debian mirror, without touching the machine.

Debian 11 (`bullseye`) is the last release that carries Julia: version 1.5.3, the oldest that
kaimond supports. Nothing is installed and no privilege is needed.

The result lives in one folder and may be moved together with it::

    bin/julia   a wrapper that computes its own folder; it is put in place last, so that its
                presence means a complete Julia
    prefix/     the unpacked packages
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import apt_sources
import private_apt
import silent
from private_apt import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITE = "bullseye"
# The C and C++ runtimes must be the machine's own: its loader starts the program, and its libraries
# may need newer ones than Debian 11 had. apt needs them too, so they are there. The others serve
# installation scripts, which never run here.
_LEFT_OUT = frozenset({"libc6", "libcrypt1", "libgcc-s1", "libstdc++6", "dpkg", "tar", "debconf"})
_LEFT_OUT_FAMILIES = ("perl", "libperl")
# Touches what depends on the unpacked libraries: BLAS, libgit2 and the unwinder of exceptions.
_TRIAL = """
using LinearAlgebra, LibGit2, Pkg
ones(2, 2) * ones(2, 2) == fill(2.0, 2, 2) || exit(2)
LibGit2.version() > v"0" || exit(3)
try error("on purpose") catch; isempty(stacktrace(catch_backtrace())) && exit(4) end
"""
_TRIAL_TIMEOUT = 120

# Julia opens libraries by name at run time, and so do the Julia processes that it starts; hence the
# environment and not the arguments of the loader. Programs of the machine that run under Julia see
# the same environment and must keep their own, newer libraries: so it names Julia's private folder
# (no other program asks for what is in there) and a folder with just what the machine lacks.
_WRAPPER = """\
#!/bin/sh
# Written by packaging/julia/debian.py: runs the unpacked Debian Julia from wherever this folder is.
prefix=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")/prefix
libraries=$prefix/usr/lib/@TRIPLET@/julia:$prefix/lacking
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "$prefix/usr/bin/julia" "$@"
"""


def fetch(home: Path) -> Path:
    """Fetch Julia into `home` and return the path of its wrapper.

    Only one process fetches at a time; a second one waits and then finds the work done.

    Raises:
        FetchError: This is no Debian with apt, or its mirror did not give a Julia that runs.
    """
    mirror = _mirror_of_this_machine()
    wrapper = home / "bin" / "julia"
    home.mkdir(parents=True, exist_ok=True)
    with _only_one(home / "fetch.lock"):
        if wrapper.exists() and _why_not(wrapper) is None:
            return wrapper
        _remove_leftovers(home)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=home) as folder:
            built = Path(folder)
            build(built, apt_sources.for_suite(mirror, SUITE))
            _put_in_place(built, home)
    return wrapper


def build(folder: Path, mirror: apt_sources.AptSource) -> None:
    """Download, unpack and try a Julia in `folder`, laid out as in its final place.

    Raises:
        FetchError: Any of it did not work.
    """
    prefix = folder / "prefix"
    prefix.mkdir()
    for archive in private_apt.download(folder / "apt", mirror, "julia"):
        if not is_left_out(archive.name):
            unpack = ["dpkg", "-x", str(archive), str(prefix)]
            silent.run(unpack, f"the package {archive.name} could not be unpacked", FetchError)
    shutil.rmtree(folder / "apt")
    triplet = _triplet(prefix)
    link_lacking(prefix, triplet, Path("/"))
    wrapper = write_wrapper(folder, triplet)
    if (reason := _why_not(wrapper)) is not None:
        raise FetchError(f"the fetched Julia does not run: {reason}")


def is_left_out(archive: str) -> bool:
    """Tell whether Julia can do without a package, named by the file name of its archive."""
    package = archive.split("_", 1)[0]
    return package in _LEFT_OUT or package.startswith(_LEFT_OUT_FAMILIES)


def link_lacking(prefix: Path, triplet: str, machine: Path) -> None:
    """Link the libraries that the machine lacks into `prefix/lacking`, relative to the prefix.

    Libraries that Julia's own library needs directly come from the prefix in any case: it looks
    next to itself first. That matters, as a newer libunwind of the same name crashes Julia. And so
    Julia's own library is never linked, or it would look next to the link.

    Args:
        prefix: The unpacked packages.
        triplet: Name of the architecture's library folders.
        machine: The root of the machine's own file system.
    """
    folders = (f"usr/lib/{triplet}", f"lib/{triplet}")
    lacking = prefix / "lacking"
    lacking.mkdir()
    for folder in folders:
        for library in sorted((prefix / folder).glob("*.so.*")):
            present = any((machine / other / library.name).exists() for other in folders)
            if not present and not library.name.startswith("libjulia."):
                (lacking / library.name).symlink_to(Path("..", folder, library.name))


def write_wrapper(folder: Path, triplet: str) -> Path:
    """Write `bin/julia`, which runs the Julia in `prefix` next to it, and return its path."""
    wrapper = folder / "bin" / "julia"
    wrapper.parent.mkdir()
    wrapper.write_text(_WRAPPER.replace("@TRIPLET@", triplet), encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


def os_release(path: Path) -> dict[str, str]:
    """Read the names in an os-release file; a file that is not there has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def read_machine_sources(etc_apt: Path) -> list[apt_sources.AptSource]:
    """Read all sources under the machine's apt folder; unreadable files are passed over."""
    parts = etc_apt / "sources.list.d"
    paths = [
        etc_apt / "sources.list",
        *sorted(parts.glob("*.list")),
        *sorted(parts.glob("*.sources")),
    ]
    sources = []
    for path in paths:
        parse = apt_sources.parse_deb822 if path.suffix == ".sources" else apt_sources.parse_list
        with contextlib.suppress(OSError):
            sources += parse(path.read_text(encoding="utf-8", errors="replace"))
    return sources


def _mirror_of_this_machine() -> apt_sources.AptSource:
    release = os_release(Path("/etc/os-release"))
    missing = [name for name in ("apt-get", "dpkg") if shutil.which(name) is None]
    if release.get("ID") != "debian" or missing:
        machine = release.get("PRETTY_NAME", "something else")
        lacks = f" without {' and '.join(missing)}" if missing else ""
        raise FetchError(f"Julia is fetched only on Debian with apt, and this is {machine}{lacks}")
    sources = read_machine_sources(Path("/etc/apt"))
    mirror = apt_sources.choose_mirror(sources, release.get("VERSION_CODENAME", ""))
    if mirror is None:
        raise FetchError("apt's configuration names no mirror of Debian's main archive")
    return mirror


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_leftovers(home: Path) -> None:
    """Remove what a killed fetch left; nobody else is fetching, because the lock is ours."""
    (home / "bin" / "julia").unlink(missing_ok=True)
    for path in (home / "prefix", *home.glob("fetch-*/")):
        if path.exists():
            shutil.rmtree(path)


def _put_in_place(built: Path, home: Path) -> None:
    """Move a tried Julia to its place; the wrapper goes last because it makes a Julia found."""
    (home / "bin").mkdir(exist_ok=True)
    (built / "prefix").rename(home / "prefix")
    (built / "bin" / "julia").rename(home / "bin" / "julia")


def _triplet(prefix: Path) -> str:
    """Name the architecture as Debian's library folders do, such as `x86_64-linux-gnu`."""
    found = sorted(prefix.glob("usr/lib/*-linux-*/julia"))
    if not found:
        raise FetchError(f"suite {SUITE} has no Julia for this machine's architecture")
    return found[0].parent.name


def _why_not(wrapper: Path) -> str | None:
    """Say why a Julia does not compute, multiply matrices and load its package manager, or None."""
    try:
        done = subprocess.run(
            [str(wrapper), "--startup-file=no", "-e", _TRIAL],
            env={**os.environ, "JULIA_LOAD_PATH": "@stdlib"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.strip() or f"exit status {done.returncode}"

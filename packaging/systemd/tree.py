"""A Debian 12 in a folder, with systemd, Python, a Julia and the built kaimond.

The base is made once by debootstrap and kept; each run works on a copy. The mirror is the one that
the machine's own apt uses, and what pip downloads comes from where its own configuration says.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "packaging" / "julia"))

import apt_sources  # noqa: E402 - see above
import debian  # noqa: E402
import find_or_fetch  # noqa: E402
import private_depot  # noqa: E402
import silent  # noqa: E402
from machine import FailedError  # noqa: E402

SUITE = "bookworm"
PYTHON_VERSION = "3.11"
"""Of the suite; pip downloads for it, whatever Python runs this."""

PACKAGES = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "python3", "python3-venv")
TOOLS = {"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap"}
"""Programs that are needed, and the packages that have them."""

CACHE = Path("/var/tmp/kaimond-test-systemd")
"""Kept between runs. Not in the checkout, where a tree of root's would be in everybody's way."""


class CannotRunError(Exception):
    """This machine cannot do it; the message says why."""


def require(*, install: bool) -> None:
    """Make sure that this machine can do it.

    Args:
        install: whether to have apt install what is missing.

    Raises:
        CannotRunError: it cannot.
    """
    if sys.platform != "linux":
        raise CannotRunError("containers of systemd-nspawn need Linux")
    if os.getuid() != 0:
        raise CannotRunError("only root can start such a container")
    missing = sorted(TOOLS[program] for program in TOOLS if not shutil.which(program))
    if missing and install and shutil.which("apt-get"):
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
        silent.run([*apt, "update"], "apt could not read its lists", CannotRunError)
        silent.run(
            [*apt, "--no-install-recommends", "install", *missing],
            "apt could not install tools",
            CannotRunError,
        )
        missing = []
    if missing:
        raise CannotRunError(
            f"{' and '.join(missing)} are not installed; --install-tools has apt do it"
        )


def base() -> Path:
    """The folder with the plain system; made if it is not there.

    Raises:
        CannotRunError: no mirror gives it.
    """
    CACHE.mkdir(mode=0o700, exist_ok=True)
    found = CACHE.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise CannotRunError(f"{CACHE} is not root's own directory; remove it")
    name = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:8]
    place = CACHE / f"{SUITE}-{name}"
    if place.exists():
        return place
    sources = debian.read_machine_sources(Path("/etc/apt"))
    codename = debian.os_release(Path("/etc/os-release")).get("VERSION_CODENAME", "")
    mirror = apt_sources.choose_mirror(sources, codename)
    if mirror is None:
        raise CannotRunError("apt's configuration names no mirror of Debian's main archive")
    keyring = mirror.options.get("signed-by", "")
    making = CACHE / f"{place.name}.making"
    shutil.rmtree(making, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    # A key may be written into the sources themselves; then debootstrap looks for its own.
    command += [f"--keyring={keyring}"] if keyring.startswith("/") else []
    silent.run(
        [*command, SUITE, str(making), mirror.uris[0]],
        f"debootstrap could not make {SUITE}",
        CannotRunError,
    )
    shutil.rmtree(making / "var/cache/apt/archives", ignore_errors=True)
    making.rename(place)
    return place


def wheels() -> Path:
    """A folder with what kaimond needs from elsewhere, for the Python of the tree.

    Raises:
        CannotRunError: pip cannot get it.
    """
    project = (CHECKOUT / "pyproject.toml").read_bytes()
    place = CACHE / f"wheels-{hashlib.sha256(project).hexdigest()[:8]}"
    if place.exists():
        return place
    for old in CACHE.glob("wheels-*"):
        shutil.rmtree(old)
    making = CACHE / "wheels.making"
    shutil.rmtree(making, ignore_errors=True)
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(17, 37)]
    platforms += [f"manylinux2014_{machine}", "any"]
    command = [*pip(), "download", "--quiet", "--only-binary=:all:", "--dest", str(making)]
    command += [f"--platform={name}" for name in platforms]
    command += [f"--python-version={PYTHON_VERSION}", str(wheel(making))]
    silent.run(command, "pip could not download what kaimond needs", CannotRunError)
    for ours in making.glob("kaimond-*.whl"):
        ours.unlink()
    making.rename(place)
    return place


def wheel(folder: Path) -> Path:
    """Build kaimond's wheel in ``folder``.

    Raises:
        FailedError: it cannot be built, which is not the machine's fault.
    """
    command = [*pip(), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)]
    silent.run(command, "the wheel could not be built", FailedError)
    (built,) = folder.glob("kaimond-*.whl")
    return built


def pip() -> list[str]:
    """The checkout's own pip, which `make env` has made, else this Python's."""
    own = CHECKOUT / ".venv" / "bin" / "python"
    return [str(own if own.exists() else sys.executable), "-m", "pip"]


def copy(place: Path, folder: Path) -> None:
    """A tree of its own for one run, on the same disk."""
    silent.run(
        ["cp", "-a", "--reflink=auto", str(place), str(folder)],
        "the tree could not be copied",
        CannotRunError,
    )
    (folder / "etc/hostname").write_text("kaimond-test\n", encoding="utf-8")


def add_julia(folder: Path) -> list[str]:
    """Put a Julia at /opt/julia of the tree; return nspawn's options for what is not copied.

    Raises:
        CannotRunError: this machine has none.
    """
    try:
        julia = find_or_fetch.find(os.environ, CHECKOUT)
    except find_or_fetch.NoJuliaError as error:
        raise CannotRunError(f"{error}. `make julia` may help") from None
    target = folder / "opt" / "julia"
    private_depot.create(folder / "opt" / "depot", julia.path)
    fetched = CHECKOUT / ".julia"
    if julia.path != fetched / "bin" / "julia":
        command = [str(julia.path), "--startup-file=no", "-e", "print(Sys.BINDIR)"]
        bindir = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        target.mkdir()
        return [f"--bind-ro={Path(bindir).parent}:/opt/julia"]
    # Which libraries must be added to the tree's own depends on the tree.
    prefix = target / "prefix"
    prefix.mkdir(parents=True)
    parts = [part for part in ("usr", "lib", "etc") if (fetched / "prefix" / part).exists()]
    for part in parts:
        (prefix / part).symlink_to(fetched / "prefix" / part)
    triplet = next(prefix.glob("usr/lib/*-linux-*/julia")).parent.name
    debian.link_lacking(prefix, triplet, folder)
    debian.write_wrapper(target, triplet)
    for part in parts:
        (prefix / part).unlink()
        (prefix / part).mkdir()
    return [f"--bind-ro={fetched}/prefix/{part}:/opt/julia/prefix/{part}" for part in parts]

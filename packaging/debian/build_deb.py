"""Builds a Debian package of kaimond: what `make deb` runs.

Debian has neither the MCP SDK nor recent versions of what it needs, so the package brings all of
kaimond's dependencies in a virtual environment of its own, /usr/lib/kaimond, which uses the
system's Python and touches no other package. One package is for several releases: extension modules
carry the name of the Python that they are for, so those for all of `PYTHONS` lie side by side.

    python packaging/debian/build_deb.py [--wheels FOLDER] [--output FOLDER]

Wheels come from PyPI, or from a folder, and then nothing is asked of the network. Needs pip and
dpkg-deb.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

PYTHONS = ("3.11", "3.12", "3.13")
"""Debian 12 has the first, Debian 13 the last. Without a gap, so that a range can be required."""

BEYOND = "3.14"
PREFIX = Path("usr/lib/kaimond")
PROGRAMS = {"kaimond": "kaimond.daemon", "kaimonctl": "kaimond.ctl", "kaimon-mcp": "kaimond.shim"}
REVISION = 1
"""Of the package; begins anew with each version of kaimond."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_GLIBC = (35, 34, 31, 28, 27, 24, 17, 12, 5)
"""Minor numbers of the C libraries that wheels are built for, all at most Debian 12's 2.36."""

_SHARED = {
    "share/zsh/site-functions": "usr/share/zsh/vendor-completions",
    "share": "usr/share",
}
"""Where Debian wants what a wheel puts below its prefix."""


class BuildError(Exception):
    """The package could not be built; the text says why."""


@dataclass(frozen=True)
class Target:
    """What the package is built for.

    Attributes:
        version: of kaimond.
        architecture: as Debian calls it.
    """

    version: str
    architecture: str

    @property
    def file_name(self) -> str:
        """The customary name of the package's file."""
        return f"kaimond_{self.version}-{REVISION}_{self.architecture}.deb"

    def control(self, installed_bytes: int) -> str:
        """The package's description of itself."""
        return (
            "Package: kaimond\n"
            f"Version: {self.version}-{REVISION}\n"
            f"Architecture: {self.architecture}\n"
            "Maintainer: The Kaimon developers <kaimon@localhost>\n"
            f"Installed-Size: {-(-installed_bytes // 1024)}\n"
            f"Depends: python3 (>= {PYTHONS[0]}~), python3 (<< {BEYOND}~), libc6 (>= 2.36), "
            "libgcc-s1, libstdc++6\n"
            "Suggests: bash-completion, julia\n"
            "Section: devel\n"
            "Priority: optional\n"
            "Description: live Julia sessions for AI coding agents\n"
            " kaimond is a daemon of each user that owns Julia sessions and gives them to AI\n"
            " coding agents by the Model Context Protocol. Sessions outlive the agents, and\n"
            " several agents can share one.\n"
            " .\n"
            " The package brings the Python packages that it needs in /usr/lib/kaimond, and\n"
            " needs a Julia of yours, 1.5 or newer.\n"
        )


def version_of_checkout() -> str:
    """The version in ``kaimond/__init__.py``."""
    text = (CHECKOUT / "kaimond" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if not found:
        raise BuildError("kaimond/__init__.py has no version")
    return found[1]


def download(wheel: Path, architecture: str, folder: Path, source: Path | None) -> None:
    """Put the wheels of all dependencies into ``folder``, the same versions for each Python.

    Args:
        wheel: of kaimond.
        architecture: as Debian calls it.
        folder: where they are put.
        source: a folder to take them from instead of PyPI.

    Raises:
        BuildError: pip did not get them.
    """
    machine = _MACHINES.get(architecture, architecture)
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC]
    platforms += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    constraints = folder / "constraints.txt"
    constraints.write_text("", encoding="utf-8")
    for python in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
        command += ["--python-version", python, "--implementation", "cp", "--dest", str(folder)]
        for platform in platforms:
            command += ["--platform", platform]
        command += ["--constraint", str(constraints), str(wheel)]
        if source:
            command += ["--no-index", "--find-links", str(source)]
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise BuildError(f"pip could not get the wheels for Python {python}; see above")
        # The oldest Python decides, because the newer ones can use what it can use.
        pins = {f"{file.name.split('-')[0]}=={file.name.split('-')[1]}" for file in wheels(folder)}
        constraints.write_text("\n".join(sorted(pins)) + "\n", encoding="utf-8")
    constraints.unlink()


def wheels(folder: Path) -> list[Path]:
    """The wheels of a folder."""
    return sorted(folder.glob("*.whl"))


def unpack(wheel: Path, root: Path) -> None:
    """Unpack one wheel into the tree of the package.

    Files that several wheels have must be equal, save the descriptions of the wheels themselves.

    Raises:
        BuildError: two wheels have different files of one name.
    """
    site = root / PREFIX / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            target = _target(member.filename, root, site)
            if target is None:
                continue
            content = archive.read(member)
            if target.exists() and target.read_bytes() != content:
                if ".dist-info" in member.filename:
                    continue
                raise BuildError(f"{wheel.name} and another wheel have different {member.filename}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _target(name: str, root: Path, site: Path) -> Path | None:
    """Where a wheel's file belongs; None if it is left out."""
    if name.startswith("/") or ".." in name.split("/"):
        raise BuildError(f"a wheel has the impossible file {name!r}")
    data = re.fullmatch(r"[^/]+\.data/(\w+)/(.+)", name)
    if data is None:
        return site / name
    kind, path = data.groups()
    if kind in {"purelib", "platlib"}:
        return site / path
    if kind == "data" and name.startswith("kaimond-"):
        for source, place in _SHARED.items():
            if path.startswith(f"{source}/"):
                return root / place / path.removeprefix(f"{source}/")
    return None  # programs and headers of dependencies


def lay_out(root: Path) -> None:
    """Make everything around the unpacked wheels: the environment, programs, units, documents."""
    prefix = root / PREFIX
    (prefix / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    programs, names = prefix / "bin", root / "usr" / "bin"
    programs.mkdir()
    names.mkdir(parents=True)
    (programs / "python3").symlink_to("/usr/bin/python3")
    for name, module in PROGRAMS.items():
        program = programs / name
        # -P: the programs' own folder is no place to import from.
        program.write_text(
            f"#!/{PREFIX}/bin/python3 -P\n"
            f"import sys\n\nfrom {module} import main\n\nsys.exit(main())\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        (names / name).symlink_to(f"../lib/kaimond/bin/{name}")
    for python in PYTHONS:
        library = prefix / "lib" / f"python{python}"
        library.mkdir(parents=True)
        (library / "site-packages").symlink_to("../../site-packages")
    units = root / "usr" / "lib" / "systemd" / "user"
    units.mkdir(parents=True)
    for unit in sorted(
        (prefix / "site-packages" / "kaimond" / "service_manager" / "units").glob("*")
    ):
        if unit.suffix in {".service", ".socket"}:
            shutil.copyfile(unit, units / unit.name)
    _documents(root)


def _documents(root: Path) -> None:
    folder = root / "usr" / "share" / "doc" / "kaimond"
    folder.mkdir(parents=True)
    for name in ("README.md", "SECURITY.md"):
        shutil.copyfile(CHECKOUT / name, folder / name)
    shutil.copyfile(CHECKOUT / "LICENSE", folder / "copyright")
    changes = (CHECKOUT / "CHANGELOG.md").read_bytes()
    (folder / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))
    for page in (root / "usr" / "share" / "man").glob("man*/*"):
        page.with_name(f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()


def pack(root: Path, target: Target, output: Path) -> Path:
    """Make the package of the tree ``root``; return its file.

    Raises:
        BuildError: dpkg-deb failed.
    """
    files = sorted(file for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    sums = [f"{_md5(file)}  {file.relative_to(root)}\n" for file in files]
    size = sum(file.stat().st_size for file in files)
    about = root / "DEBIAN"
    about.mkdir()
    (about / "md5sums").write_text("".join(sums), encoding="utf-8")
    (about / "control").write_text(target.control(size), encoding="utf-8")
    for name in ("postinst", "prerm", "triggers"):
        shutil.copyfile(HERE / name, about / name)
        (about / name).chmod(0o644 if name == "triggers" else 0o755)
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    output.mkdir(parents=True, exist_ok=True)
    file = output / target.file_name
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(file)]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise BuildError("dpkg-deb failed; see above")
    return file


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def own_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout.

    Raises:
        BuildError: pip failed.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    if subprocess.run(
        [*command, "--wheel-dir", str(folder), str(CHECKOUT)], check=False
    ).returncode:
        raise BuildError("the wheel could not be built; see above")
    return next(folder.glob("kaimond-*.whl"))


def main() -> int:
    """Build the package; say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheels", type=Path, help="take dependencies from this folder")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "dist", help="default: dist")
    options = parser.parse_args()
    asked = ["dpkg", "--print-architecture"]
    architecture = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="kaimond-deb-") as name:
        folder, root = Path(name) / "wheels", Path(name) / "root"
        folder.mkdir()
        try:
            download(own_wheel(Path(name)), architecture, folder, options.wheels)
            for wheel in wheels(folder):
                unpack(wheel, root)
            lay_out(root)
            file = pack(root, Target(version_of_checkout(), architecture), options.output)
        except BuildError as error:
            sys.stderr.write(f"build_deb: {error}. There is no new package.\n")
            return 1
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())

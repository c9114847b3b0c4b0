"""The Debian package: put together from wheels that are made here, without any network."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import build_deb
import pytest

from kaimond import __version__
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")
TARGET = build_deb.Target(__version__, "amd64")


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return file


@pytest.fixture(scope="module")
def own_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, timeout=100)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def root(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the package, without the dependencies."""
    made = tmp_path_factory.mktemp("deb") / "root"
    build_deb.unpack(own_wheel, made)
    build_deb.lay_out(made)
    return made


def test_the_version_is_that_of_the_checkout() -> None:
    assert build_deb.version_of_checkout() == __version__


def test_extension_modules_for_several_pythons_lie_side_by_side(tmp_path: Path) -> None:
    for tag in ("cpython-311", "cpython-313"):
        files = {"x/__init__.py": "same", f"x/_x.{tag}.so": tag, "x-1.0.dist-info/WHEEL": tag}
        (tmp_path / tag).mkdir()
        build_deb.unpack(wheel(tmp_path / tag, "x", files), tmp_path / "root")
    found = {file.name for file in (tmp_path / "root").rglob("*.so")}

    assert found == {"_x.cpython-311.so", "_x.cpython-313.so"}


def test_wheels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    build_deb.unpack(wheel(tmp_path, "x", {"x.py": "1"}), tmp_path / "root")
    with pytest.raises(build_deb.BuildError, match=r"different x\.py"):
        build_deb.unpack(wheel(tmp_path, "y", {"x.py": "2"}), tmp_path / "root")


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x", "a/../../x"])
def test_a_wheel_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(build_deb.BuildError, match="impossible"):
        build_deb.unpack(wheel(tmp_path, "x", {name: ""}), tmp_path / "root")


def test_programs_of_dependencies_are_left_out(tmp_path: Path) -> None:
    files = {"x-1.0.data/scripts/uvicorn": "", "x-1.0.data/purelib/x.py": "", "x.pth": ""}
    build_deb.unpack(wheel(tmp_path, "x", files), tmp_path / "root")
    found = {file.name for file in (tmp_path / "root").rglob("*") if file.is_file()}

    assert found == {"x.py", "x.pth"}


def test_everything_is_where_debian_looks(root: Path) -> None:
    share = root / "usr" / "share"
    for path in (
        share / "man" / "man1" / "kaimonctl.1.gz",
        share / "man" / "man5" / "kaimond.toml.5.gz",
        share / "bash-completion" / "completions" / "kaimonctl",
        share / "zsh" / "vendor-completions" / "_kaimonctl",
        share / "fish" / "vendor_completions.d" / "kaimonctl.fish",
        share / "doc" / "kaimond" / "copyright",
        root / "usr" / "lib" / "systemd" / "user" / "kaimond.service",
        root / "usr" / "lib" / "systemd" / "user" / "kaimond.socket",
        root / build_deb.PREFIX / "site-packages" / "kaimond" / "julia" / "Kaimon" / "boot.jl",
    ):
        assert path.is_file(), path
    for name in build_deb.PROGRAMS:
        link = root / "usr" / "bin" / name
        assert link.resolve() == (root / build_deb.PREFIX / "bin" / name).resolve()
        assert link.stat().st_mode & 0o111 == 0o111


def test_the_service_starts_the_program_of_the_package(root: Path) -> None:
    unit = (root / "usr" / "lib" / "systemd" / "user" / "kaimond.service").read_text()

    assert "ExecStart=/usr/bin/kaimond" in unit


def test_the_environment_is_found_by_each_python_that_is_allowed(root: Path) -> None:
    site = root / build_deb.PREFIX / "site-packages"
    for python in build_deb.PYTHONS:
        link = root / build_deb.PREFIX / "lib" / f"python{python}" / "site-packages"
        assert link.resolve() == site.resolve()
    minors = [int(python.partition(".")[2]) for python in (*build_deb.PYTHONS, build_deb.BEYOND)]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_the_programs_run_from_the_tree(root: Path, tmp_path: Path) -> None:
    # Only the interpreter's path has to be another one for that: the package's is the system's.
    env = tmp_path / "kaimond"
    shutil.copytree(root / build_deb.PREFIX, env, symlinks=True)
    code = (env / "bin" / "kaimonctl").read_text().partition("\n")[2]
    site = env / "site-packages"
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{code}",
         "version"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"],
             "KAIMON_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip

    assert done.stdout.startswith(f"kaimonctl {__version__}\n"), done.stderr


@pytest.mark.parametrize("script", ["postinst", "prerm"])
def test_the_scripts_of_the_package_are_read_by_a_plain_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(build_deb.HERE / script)], check=True, timeout=60)


def test_the_test_in_a_real_debian_is_bash() -> None:
    script = build_deb.HERE / "test_in_tree"

    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=60)


@needs_dpkg
def test_dpkg_reads_the_package(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "root"
    shutil.copytree(root, copy, symlinks=True)
    file = build_deb.pack(copy, TARGET, tmp_path)

    def ask(*words: str) -> str:
        done = subprocess.run(["dpkg-deb", *words], check=True, capture_output=True, text=True)
        return done.stdout

    assert file.name == f"kaimond_{__version__}-1_amd64.deb"
    assert ask("--field", str(file), "Package", "Version") == (
        f"Package: kaimond\nVersion: {__version__}-1\n"
    )
    assert "python3 (>= 3.11~), python3 (<< 3.14~)" in ask("--field", str(file), "Depends")
    listed = ask("--contents", str(file)).splitlines()
    assert all(" root/root " in line for line in listed)
    assert [line for line in listed if line[0] != "l" and line[5] == "w"] == []
    for name in ("postinst", "prerm"):
        assert stat.S_IMODE((copy / "DEBIAN" / name).stat().st_mode) == 0o755
    unpacked = tmp_path / "unpacked"
    ask("--extract", str(file), str(unpacked))
    ask("--control", str(file), str(unpacked / "control"))
    sums = subprocess.run(
        ["md5sum", "--check", "--quiet", "control/md5sums"],
        cwd=unpacked,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert sums.returncode == 0, sums.stdout

"""The wheel: built, installed into an empty environment, and used from there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import __version__
from tests.support.agent import agent
from tests.support.home import CHECKOUT, Home

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
"""An environment in which no variable leads back to the checkout."""


def run(*words: str | Path, **options: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env=PLAIN,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def build(target: str, source: Path, folder: Path) -> Path:
    """Build without isolation: this environment has what the build requires, and no network."""
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; its dependencies are those of the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", wheel)
    (site,) = folder.glob("lib/python3*/site-packages")
    # A path in a .pth file is only a path: the editable kaimond over there does not come along.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def installed_home(
    julia: dict[str, str], installed: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    """A home whose programs are the installed ones."""
    monkeypatch.setattr("tests.support.home.PROGRAMS", installed / "bin")
    monkeypatch.setattr("tests.support.agent.PROGRAMS", installed / "bin")
    made = Home(julia)
    yield made
    made.close()


def test_the_wheel_has_everything_that_is_no_python(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    package = {
        str(file.relative_to(CHECKOUT))
        for pattern in (
            "julia/**/*.jl",
            "julia/**/*.toml",
            "service_manager/units/*",
            "clients/skill/*.md",
            "py.typed",
        )
        for file in (CHECKOUT / "kaimond").glob(pattern)
    }
    share = f"kaimond-{__version__}.data/data/share"
    shared = {
        *(f"{share}/man/man1/{name}.1" for name in ("kaimond", "kaimonctl", "kaimon-mcp")),
        f"{share}/man/man5/kaimond.toml.5",
        f"{share}/bash-completion/completions/kaimonctl",
        f"{share}/zsh/site-functions/_kaimonctl",
        f"{share}/fish/vendor_completions.d/kaimonctl.fish",
    }

    assert package | shared <= set(names)
    assert "kaimond/julia/Kaimon/boot.jl" in package


def test_the_wheel_has_nothing_that_is_not_for_users(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert tops == {
        "kaimond",
        f"kaimond-{__version__}.data",
        f"kaimond-{__version__}.dist-info",
    }


def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", CHECKOUT, tmp_path / "sdist")
    run("tar", "-xzf", archive, "-C", tmp_path)
    again = build("wheel", tmp_path / f"kaimond-{__version__}", tmp_path / "wheel")

    first, second = zipfile.ZipFile(wheel), zipfile.ZipFile(again)
    assert sorted(first.namelist()) == sorted(second.namelist())
    different = [
        name
        for name in first.namelist()
        if not name.endswith("RECORD") and first.read(name) != second.read(name)
    ]
    assert different == []


def test_a_builder_that_isolates_itself_by_paths_builds_it_too(tmp_path: Path) -> None:
    # As pip does: what is required is on the builder's path, and not the interpreter's own.
    code = (
        f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
        "from hatchling.build import build_wheel\n"
        f"build_wheel({str(tmp_path)!r})\n"
    )
    run(getattr(sys, "_base_executable", sys.executable), "-c", code, cwd=CHECKOUT)

    assert [file.suffix for file in tmp_path.iterdir()] == [".whl"]


def test_the_installed_programs_are_not_the_checkout(installed: Path) -> None:
    code = "import kaimond, mcp; print(kaimond.__file__)"
    shown = run(installed / "bin" / "python", "-P", "-c", code, cwd="/")
    assert Path(shown.strip()).is_relative_to(installed)

    for name in ("kaimond", "kaimonctl", "kaimon-mcp"):
        assert __version__ in run(installed / "bin" / name, "--version", cwd="/")


def test_manual_and_completions_are_where_shells_and_man_look(installed: Path) -> None:
    assert (installed / "share" / "man" / "man1" / "kaimonctl.1").exists()
    assert (installed / "share" / "bash-completion" / "completions" / "kaimonctl").exists()


@pytest.mark.julia
async def test_the_three_installed_programs_run_a_session(
    installed_home: Home, installed: Path
) -> None:
    project = installed_home.project()
    assert installed_home.kaimond("--check").stdout == f"{__version__}\n"

    started = installed_home.kaimonctl("start", str(project))
    assert started.returncode == 0, started.stderr
    async with agent(installed_home) as mine:
        assert await mine.value("6 * 7") == "42"
    (session,) = installed_home.status()["sessions"]
    assert session["project"] == str(project)
    commands = [" ".join(process.cmdline()) for process in installed_home.processes()]
    daemons = [command for command in commands if "kaimond.daemon" in command]
    assert daemons
    assert all(command.startswith(str(installed)) for command in daemons)
    assert installed_home.kaimonctl("stop").returncode == 0

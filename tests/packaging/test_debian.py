from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import apt_sources
import debian
import private_apt
import pytest
from private_apt import FetchError

if TYPE_CHECKING:
    from pathlib import Path

MIRROR = apt_sources.AptSource(("http://mirror.example/debian",), ("bullseye",), ("main",))
TRIPLET = "x86_64-linux-gnu"
DEBIAN = {"ID": "debian", "PRETTY_NAME": "Debian", "VERSION_CODENAME": "bookworm"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / ".julia"


@pytest.fixture(autouse=True)
def on_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every machine look like a Debian with a mirror; no test asks a real one."""
    source = apt_sources.AptSource(("http://mirror.example/debian",), ("bookworm",), ("main",))
    monkeypatch.setattr(debian, "os_release", lambda _path: dict(DEBIAN))
    monkeypatch.setattr(debian, "read_machine_sources", lambda _path: [source])
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def put_program(prefix: Path, script: str = "exit 0") -> None:
    """Stand in for the unpacked packages."""
    program = prefix / "usr" / "bin" / "julia"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (prefix / "usr" / "lib" / TRIPLET / "julia").mkdir(parents=True, exist_ok=True)


def stand_in_build(folder: Path, mirror: apt_sources.AptSource) -> None:
    assert mirror.suites == ("bullseye",)
    put_program(folder / "prefix")
    debian.write_wrapper(folder, TRIPLET)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_fetched_julia_is_put_in_place_and_nothing_else_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "build", stand_in_build)
    assert debian.fetch(home) == home / "bin" / "julia"
    assert names(home) == ["bin", "fetch.lock", "prefix"]
    assert subprocess.run([home / "bin" / "julia"], check=False).returncode == 0


def test_a_fetch_that_fails_leaves_no_julia(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, mirror: apt_sources.AptSource) -> None:
        stand_in_build(folder, mirror)
        raise FetchError("the connection broke")

    monkeypatch.setattr(debian, "build", fail)
    with pytest.raises(FetchError, match="the connection broke"):
        debian.fetch(home)
    assert names(home) == ["fetch.lock"]


def test_what_a_killed_fetch_left_is_no_julia_and_is_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(home / "prefix", "exit 9")
    put_program(home / "fetch-abc" / "prefix", "exit 9")
    assert not (home / "bin" / "julia").exists()
    monkeypatch.setattr(debian, "build", stand_in_build)
    julia = debian.fetch(home)
    assert subprocess.run([julia], check=False).returncode == 0
    assert names(home) == ["bin", "fetch.lock", "prefix"]


def test_a_fetched_julia_that_no_longer_runs_is_fetched_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    put_program(home / "prefix", "exit 1")
    debian.write_wrapper(home, TRIPLET)
    monkeypatch.setattr(debian, "build", stand_in_build)
    assert subprocess.run([debian.fetch(home)], check=False).returncode == 0


def test_two_fetches_at_once_fetch_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    second_waits = threading.Event()
    builds = []

    def slow_build(folder: Path, mirror: apt_sources.AptSource) -> None:
        builds.append(folder)
        started.set()
        assert second_waits.wait(60)
        stand_in_build(folder, mirror)

    monkeypatch.setattr(debian, "build", slow_build)
    threads = [threading.Thread(target=debian.fetch, args=(home,)) for _ in range(2)]
    threads[0].start()
    assert started.wait(60)
    threads[1].start()
    second_waits.set()
    for thread in threads:
        thread.join(60)
    assert len(builds) == 1
    assert (home / "bin" / "julia").exists()


def test_a_julia_that_does_not_run_is_refused_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(_root: Path, _mirror: apt_sources.AptSource, _package: str) -> list[Path]:
        (tmp_path / "apt").mkdir()
        put_program(tmp_path / "prefix", "echo cannot load libLLVM >&2; exit 127")
        return []

    monkeypatch.setattr(private_apt, "download", download)
    with pytest.raises(FetchError, match="does not run: cannot load libLLVM"):
        debian.build(tmp_path, MIRROR)


def test_an_architecture_without_julia_is_named_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_apt, "download", lambda root, *_: root.mkdir() or [])
    with pytest.raises(FetchError, match="no Julia for this machine's architecture"):
        debian.build(tmp_path, MIRROR)


def test_another_system_is_told_that_julia_is_fetched_on_debian_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "os_release", lambda _path: {"PRETTY_NAME": "Fedora 43"})
    with pytest.raises(FetchError, match=r"only on Debian with apt, and this is Fedora 43$"):
        debian.fetch(home)
    monkeypatch.setattr(debian, "os_release", lambda _path: {})
    with pytest.raises(FetchError, match="this is something else"):
        debian.fetch(home)
    assert not home.exists()


def test_a_debian_without_apt_is_told_what_it_lacks(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(FetchError, match="this is Debian without apt-get and dpkg"):
        debian.fetch(home)


def test_a_debian_without_a_mirror_is_told_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "read_machine_sources", lambda _path: [])
    with pytest.raises(FetchError, match="names no mirror of Debian's main archive"):
        debian.fetch(home)


@pytest.mark.parametrize(
    ("archive", "left_out"),
    [
        ("libc6_2.31-13_amd64.deb", True),
        ("libcrypt1_1%3a4.4.18-4_amd64.deb", True),
        ("libstdc++6_10.2.1-6_amd64.deb", True),
        ("libgcc-s1_10.2.1-6_amd64.deb", True),
        ("perl-base_5.32.1-4_amd64.deb", True),
        ("libperl5.32_5.32.1-4_amd64.deb", True),
        ("tar_1.34_amd64.deb", True),
        ("julia_1.5.3_amd64.deb", False),
        ("libjulia1_1.5.3_amd64.deb", False),
        ("libgfortran5_10.2.1-6_amd64.deb", False),
        ("libtasn1-6_4.16.0-2_amd64.deb", False),
    ],
)
def test_only_runtimes_of_the_machine_and_installation_tools_are_left_out(
    archive: str, *, left_out: bool
) -> None:
    assert debian.is_left_out(archive) is left_out


def test_only_libraries_that_the_machine_lacks_are_linked(tmp_path: Path) -> None:
    prefix, machine = tmp_path / "prefix", tmp_path / "machine"
    for path in (
        prefix / "usr" / "lib" / TRIPLET / "libLLVM-9.so.1",
        prefix / "usr" / "lib" / TRIPLET / "libz.so.1",
        prefix / "usr" / "lib" / TRIPLET / "libjulia.so.1",
        prefix / "lib" / TRIPLET / "libpcre.so.3",
        prefix / "lib" / TRIPLET / "libtinfo.so.6",
        machine / "lib" / TRIPLET / "libz.so.1",
        machine / "usr" / "lib" / TRIPLET / "libtinfo.so.6",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    debian.link_lacking(prefix, TRIPLET, machine)
    moved = prefix.rename(tmp_path / "moved")
    assert names(moved / "lacking") == ["libLLVM-9.so.1", "libpcre.so.3"]
    assert all(link.exists() for link in (moved / "lacking").iterdir())


def test_the_wrapper_works_after_a_move_and_through_a_link(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    put_program(first / "prefix", 'echo "$LD_LIBRARY_PATH"; printf "%s|" "$@"; exit 3')
    debian.write_wrapper(first, TRIPLET)
    moved = first.rename(tmp_path / "a folder with spaces")
    link = tmp_path / "julia"
    link.symlink_to(moved / "bin" / "julia")
    done = subprocess.run(
        [link, "-e", "a b", ""],
        env={**os.environ, "LD_LIBRARY_PATH": "/mine"},
        capture_output=True,
        text=True,
        check=False,
    )
    prefix = moved / "prefix"
    libraries = f"{prefix}/usr/lib/{TRIPLET}/julia:{prefix}/lacking:/mine"
    assert done.stdout == f"{libraries}\n-e|a b||"
    assert done.returncode == 3


def test_all_kinds_of_source_files_are_read_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (parts / "two.list").write_text("deb http://two.example/debian bookworm main\n")
    stanza = "Types: deb\nURIs: {}\nSuites: bookworm\nComponents: main\n"
    (parts / "three.sources").write_text(stanza.format("http://three.example/debian"))
    (parts / "four.sources.disabled").write_text(stanza.format("http://four.example/debian"))
    uris = [uri for source in debian.read_machine_sources(tmp_path) for uri in source.uris]
    assert uris == [f"http://{name}.example/debian" for name in ("one", "two", "three")]
    assert debian.read_machine_sources(tmp_path / "nowhere") == []


def test_os_release_values_lose_their_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    path = tmp_path / "os-release"
    path.write_text(
        "# comment\nID=debian\nPRETTY_NAME=\"Debian 12\"\nVERSION_CODENAME='bookworm'\n\n"
    )
    assert debian.os_release(path) == {
        "ID": "debian",
        "PRETTY_NAME": "Debian 12",
        "VERSION_CODENAME": "bookworm",
    }
    assert debian.os_release(tmp_path / "nowhere") == {}


needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")


@needs_apt
def test_apt_is_given_no_hooks_of_the_machine_and_no_way_around_signatures(tmp_path: Path) -> None:
    settings = tmp_path / "apt.conf"
    settings.write_text(private_apt._settings(tmp_path))

    def dump(*arguments: str) -> set[str]:
        command = ["apt-config", *arguments, "dump"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return set(done.stdout.splitlines())

    ours, machines = dump(f"-c={settings}"), dump()
    assert not [line for line in ours if "Invoke" in line or "Pre-Install" in line]
    trust = ("AllowInsecure", "AllowUnauth", "AllowWeak", "Dir::Etc::trusted", "Proxy", "Verify")
    for word in trust:
        assert {line for line in ours if word in line} == {x for x in machines if word in x}
    state = f'Dir::State::status "{tmp_path}/status";'
    assert state in ours


@needs_apt
def test_an_unsigned_mirror_is_refused(tmp_path: Path) -> None:
    suite = tmp_path / "mirror" / "dists" / "bullseye"
    packages = suite / "main" / "binary-amd64"
    packages.mkdir(parents=True)
    (packages / "Packages").touch()
    (suite / "Release").write_text("Suite: bullseye\nComponents: main\nArchitectures: amd64\n")
    mirror = apt_sources.AptSource((f"file:{tmp_path}/mirror",), ("bullseye",), ("main",))
    with pytest.raises(FetchError, match="not signed"):
        private_apt.download(tmp_path / "apt", mirror, "julia")

"""The runtime directory, and the check that it is ours alone."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from kaimond.runtime import (
    MAX_SOCKET_PATH,
    SocketPathTooLongError,
    UnsafeDirectoryError,
    check_socket_path,
    ensure_owned,
    ensure_private,
    runtime_directory,
)

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Where it is


def test_the_users_own_directory_wins_and_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runtime_directory({"KAIMON_RUNTIME_DIR": "/x", "HOME": "/h"}) == "/x"
    monkeypatch.chdir(tmp_path)
    assert runtime_directory({"KAIMON_RUNTIME_DIR": "run"}) == f"{os.path.realpath(tmp_path)}/run"


def test_without_a_directory_of_the_system_it_is_below_the_home() -> None:
    assert runtime_directory({"HOME": "/h"}, uid=4_000_000) == "/h/.local/state/kaimon/run"


def test_a_variable_that_mcp_clients_drop_is_never_read() -> None:
    with_it = runtime_directory({"HOME": "/h", "XDG_RUNTIME_DIR": "/x"}, uid=4_000_000)
    assert with_it == runtime_directory({"HOME": "/h"}, uid=4_000_000)


@pytest.mark.parametrize(
    ("kind", "trusted"), [("private", True), ("open", False), ("link", False), ("file", False)]
)
def test_the_systems_directory_is_used_only_if_it_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, trusted: bool
) -> None:
    base = tmp_path / "base"
    if kind == "file":
        base.touch(0o600)
    elif kind == "link":
        base.symlink_to(tmp_path)
    else:
        base.mkdir()
        base.chmod(0o700 if kind == "private" else 0o755)
    lstat = os.lstat
    monkeypatch.setattr("kaimond.runtime.os.lstat", lambda _: lstat(base))
    found = runtime_directory({"HOME": "/h"})
    expected = f"/run/user/{os.getuid()}/kaimon" if trusted else "/h/.local/state/kaimon/run"
    assert found == expected


# ensure_private


def test_a_directory_is_made_with_its_parents_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ensure_private(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a" / "b") == 0o700
    ensure_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("bits", [0o010, 0o001, 0o040, 0o004, 0o077])
def test_a_directory_that_is_open_to_others_is_refused_with_the_cure(
    tmp_path: Path, bits: int
) -> None:
    path = tmp_path / "a"
    path.mkdir()
    path.chmod(0o700 | bits)
    with pytest.raises(UnsafeDirectoryError) as caught:
        ensure_private(path)
    assert f"mode {0o700 | bits:o}" in str(caught.value)
    assert f"chmod 700 {path}" in str(caught.value)
    assert mode(path) == 0o700 | bits, "it is not ours to change in silence"


def test_a_link_even_to_a_private_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "a").symlink_to(tmp_path / "real")
    with pytest.raises(UnsafeDirectoryError, match="symbolic link"):
        ensure_private(tmp_path / "a")


def test_a_dangling_link_is_refused_and_nothing_is_made_behind_it(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnsafeDirectoryError):
        ensure_private(tmp_path / "a")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UnsafeDirectoryError, match="is not a directory"):
        ensure_private(tmp_path / "a")
    with pytest.raises(UnsafeDirectoryError, match="cannot be made"):
        ensure_private(tmp_path / "a" / "b")


@ROOT
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    os.chown(tmp_path / "a", 65534, -1)
    with pytest.raises(UnsafeDirectoryError, match="belongs to user 65534"):
        ensure_private(tmp_path / "a")


# ensure_owned


def test_a_configuration_that_others_may_read_will_do(tmp_path: Path) -> None:
    ensure_owned(tmp_path / "a" / "b")
    (tmp_path / "a" / "b").chmod(0o755)
    ensure_owned(tmp_path / "a" / "b")


@pytest.mark.parametrize("bits", [0o020, 0o002])
def test_a_configuration_that_others_may_change_is_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "a"
    path.mkdir()
    path.chmod(0o755 | bits)
    with pytest.raises(UnsafeDirectoryError, match="can be changed by other users"):
        ensure_owned(path)


def test_a_configuration_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UnsafeDirectoryError, match="cannot be made"):
        ensure_owned(tmp_path / "a")


# Socket paths


def test_the_length_of_a_sockets_path_counts_in_bytes() -> None:
    check_socket_path("x" * MAX_SOCKET_PATH)
    check_socket_path("ä" * (MAX_SOCKET_PATH // 2))
    for path in ("x" * (MAX_SOCKET_PATH + 1), "ä" * (MAX_SOCKET_PATH // 2 + 1)):
        with pytest.raises(SocketPathTooLongError, match="to a shorter directory"):
            check_socket_path(path)

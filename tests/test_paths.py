"""Where everything lives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kaimond import paths

HOME = {"HOME": "/h"}


def test_everything_is_below_the_home_by_default() -> None:
    where = paths.resolve(HOME, uid=4_000_000)
    assert where.control_socket == Path("/h/.local/state/kaimon/run/kaimond.sock")
    assert where.session_socket("k") == Path("/h/.cache/kaimon/sock/k.sock")
    assert where.session_spool("k") == Path("/h/.cache/kaimon/spool/k")
    assert where.projects_file == Path("/h/.config/kaimon/projects.json")
    assert where.settings_file == Path("/h/.config/kaimon/kaimond.toml")
    assert where.settings_overlay == Path("/h/.config/kaimon/kaimond.d")
    assert where.database == Path("/h/.local/state/kaimon/kaimond.db")
    assert where.server_log == Path("/h/.local/state/kaimon/log/server.log")
    assert where.session_log("k") == Path("/h/.local/state/kaimon/log/sessions/k.log")


@pytest.mark.parametrize(
    ("variable", "field"),
    [("XDG_CACHE_HOME", "sockets"), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")],
)
def test_the_xdg_variables_are_honoured_if_they_are_absolute(variable: str, field: str) -> None:
    usual = getattr(paths.resolve(HOME), field)
    assert str(getattr(paths.resolve(HOME | {variable: "/x"}), field)).startswith("/x/kaimon")
    assert getattr(paths.resolve(HOME | {variable: "x"}), field) == usual
    assert getattr(paths.resolve(HOME | {variable: ""}), field) == usual


def test_the_runtime_directory_has_its_own_variable() -> None:
    where = paths.resolve(HOME | {"KAIMON_RUNTIME_DIR": "/r"})
    assert where.lock_file == Path("/r/kaimond.lock")
    assert where.pid_file == Path("/r/kaimond.json")


def test_a_missing_home_is_found_in_the_users_entry() -> None:
    assert paths.resolve({}).config.is_absolute()


def test_every_directory_that_holds_something_private_is_made_private() -> None:
    where = paths.resolve(HOME)
    private = set(where.private_directories())
    for file in (
        where.control_socket,
        where.session_socket("k"),
        where.session_spool("k"),
        where.database,
        where.server_log,
        where.session_log("k"),
    ):
        assert file.parent in private, file


def test_paths_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        paths.resolve(HOME).config = Path("/x")  # type: ignore[misc]

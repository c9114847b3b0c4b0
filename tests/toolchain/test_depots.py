"""Where Julia looks for installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaimond.toolchain.depots import depots

OLD, FIRST, NEW = (1, 10, 8), (1, 11, 1), (1, 12, 5)
USERS = "/h/.julia"


def listed(text: str | None, version: tuple[int, int, int] = NEW) -> list[str]:
    environment = {"HOME": "/h"} if text is None else {"HOME": "/h", "JULIA_DEPOT_PATH": text}
    return [str(path) for path in depots(environment, version, Path("/project"))]


@pytest.mark.parametrize("version", [OLD, FIRST, NEW])
def test_what_all_versions_agree_on(version: tuple[int, int, int]) -> None:
    assert listed(None, version) == [USERS]
    assert listed("", version) == []
    assert listed(":", version) == [USERS]
    assert listed("/a:~/b", version) == ["/a", "/h/b"]


def test_an_empty_entry_is_the_users_depot_up_to_julia_1_10() -> None:
    assert listed("/a:", OLD) == [USERS, "/a"]
    assert listed("/a::/b", OLD) == [USERS, "/a", "/b"]


def test_later_it_is_not_unless_it_comes_first() -> None:
    for version in (FIRST, NEW):
        assert listed("/a:", version) == ["/a"]
        assert listed("/a::/b", version) == ["/a", "/b"]
    assert listed(":/a", NEW) == [USERS, "/a"]
    assert listed(":/a", FIRST) == ["/a"]


def test_a_relative_entry_is_looked_for_where_julia_is_started() -> None:
    assert listed("depot") == ["/project/depot"]


def test_an_unknown_users_home_is_no_error() -> None:
    assert listed("~nobody/depot") == ["/project/~nobody/depot"]

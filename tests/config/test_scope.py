from __future__ import annotations

from pathlib import Path

import pytest

from kaimond.config.project_path import PathRefusedError
from kaimond.config.scope import Scope


def test_a_star_is_everything_a_slash_a_path_and_the_rest_a_name(tmp_path: Path) -> None:
    base = tmp_path / "base"
    assert Scope.of("*", base) == Scope()
    assert Scope.of("MyPkg", base) == Scope(name="MyPkg")
    assert Scope.of("./MyPkg", base) == Scope(path=base / "MyPkg")
    assert Scope.of("a/b", base) == Scope(path=base / "a/b")
    assert Scope.of(".", base) == Scope(path=base)
    assert Scope.of("..", base) == Scope(path=tmp_path)
    assert Scope.of(str(tmp_path), base) == Scope(path=tmp_path)
    home = Scope.of("~", base).path
    assert home
    assert home.is_absolute()
    assert home != base / "~"


def test_a_path_is_real(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Scope.of("./link", tmp_path) == Scope(path=tmp_path / "real")


@pytest.mark.parametrize("text", ["", "a\0b", "/a\0b", "\ud800", "~nobody-is-called-so/x"])
def test_what_can_be_no_scope_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(PathRefusedError):
        Scope.of(text, tmp_path)


def test_only_patterns_of_the_same_scope_match(tmp_path: Path) -> None:
    project = tmp_path / "Proj"
    one, named, every = Scope(path=project), Scope(name="proj"), Scope()
    patterns = [str(project), f"{project}/", "Proj", "PROJ", "*", "relative/Proj", str(tmp_path)]
    assert [one.matches(text) for text in patterns] == [True, True, *[False] * 5]
    assert [named.matches(text) for text in patterns] == [False] * 2 + [True] * 2 + [False] * 3
    assert [every.matches(text) for text in patterns] == [False] * 4 + [True] + [False] * 2


def test_the_chain_goes_from_the_project_to_everything() -> None:
    one = Scope(path=Path("/a/Proj"))
    assert one.chain() == (one, Scope(name="Proj"), Scope())
    assert Scope(name="x").chain() == (Scope(name="x"), Scope())
    assert Scope().chain() == (Scope(),)


def test_the_pattern_and_the_phrase_name_the_scope() -> None:
    scopes = (Scope(path=Path("/a/b")), Scope(name="b"), Scope())
    assert [scope.pattern for scope in scopes] == ["/a/b", "b", "*"]
    assert list(map(str, scopes)) == ["/a/b", "every project named b", "every project"]

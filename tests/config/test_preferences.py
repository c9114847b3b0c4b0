from __future__ import annotations

from pathlib import Path

from kaimond.config.preferences import Preferences, lookup, parse


def test_without_patterns_everything_is_on() -> None:
    assert lookup({}, Path("/a/MyProject")) == Preferences(mirror_repl=True, allow_restart=True)


def test_the_documented_example_means_what_it_says() -> None:
    raw = {
        "MyProject": {"mirror_repl": True, "allow_restart": False},
        "*": {"allow_restart": True},
    }
    patterns, problems = parse(raw, "projects.json")
    assert problems == ()
    assert not lookup(patterns, Path("/a/MyProject")).allow_restart
    assert not lookup(patterns, Path("/b/myproject")).allow_restart
    assert lookup(patterns, Path("/b/Other")).allow_restart


def test_each_field_comes_from_the_most_specific_pattern_that_sets_it(tmp_path: Path) -> None:
    project = tmp_path / "Proj"
    patterns = {
        "*": {"mirror_repl": False, "allow_restart": False},
        "PROJ": {"allow_restart": True},
        str(project): {"mirror_repl": True},
    }
    assert lookup(patterns, project) == Preferences(mirror_repl=True, allow_restart=True)
    assert lookup(patterns, tmp_path / "x" / "proj") == Preferences(False, True)
    assert lookup(patterns, tmp_path / "other") == Preferences(False, False)


def test_a_path_pattern_is_resolved_and_matches_only_that_directory(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    patterns = {f"{tmp_path}/link": {"mirror_repl": False}, "no/such": {"mirror_repl": False}}
    assert not lookup(patterns, real).mirror_repl
    assert lookup(patterns, real / "sub").mirror_repl


def test_faulty_preferences_are_problems_and_the_rest_is_used() -> None:
    raw = {"a": {"mirror_repl": "no", "allow_restart": False, "other": 1}, "b": 3}
    patterns, problems = parse(raw, "projects.json")
    assert patterns == {"a": {"allow_restart": False}}
    assert len(problems) == 2
    assert "session_prefs['a']" in str(problems[0])
    assert parse([], "projects.json")[0] == {}

from __future__ import annotations

from pathlib import Path

import pytest

from kaimond.config.preferences import (
    NAMES,
    FoundPreferences,
    Patterns,
    Preferences,
    Reviser,
    explain,
    lookup,
    parse,
)
from kaimond.config.scope import Scope


def test_without_patterns_the_defaults_hold() -> None:
    assert lookup({}, Path("/a/MyProject")) == Preferences(
        mirror_repl=True,
        allow_restart=True,
        revise=Reviser.AUTO,
        restart_when_stale=False,
        idle_timeout=None,
    )


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
    patterns: Patterns = {
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
    patterns: Patterns = {
        f"{tmp_path}/link": {"mirror_repl": False},
        "no/such": {"mirror_repl": False},
    }
    assert not lookup(patterns, real).mirror_repl
    assert lookup(patterns, real / "sub").mirror_repl


def test_faulty_preferences_are_problems_and_the_rest_is_used() -> None:
    raw = {"a": {"mirror_repl": "no", "allow_restart": False, "other": 1}, "b": 3}
    patterns, problems = parse(raw, "projects.json")
    assert patterns == {"a": {"allow_restart": False}}
    assert len(problems) == 2
    assert "session_prefs['a']" in str(problems[0])
    assert parse([], "projects.json")[0] == {}


def test_every_preference_can_be_set() -> None:
    given = {
        "mirror_repl": False,
        "allow_restart": False,
        "revise": "builtin",
        "restart_when_stale": True,
        "idle_timeout": 3600,
    }
    assert set(given) == set(NAMES)
    patterns, problems = parse({"p": given}, "projects.json")
    assert problems == ()
    assert lookup(patterns, Path("/a/P")) == Preferences(
        mirror_repl=False,
        allow_restart=False,
        revise=Reviser.BUILTIN,
        restart_when_stale=True,
        idle_timeout=3600.0,
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mirror_repl", 1, "true or false"),
        ("allow_restart", "yes", "true or false"),
        ("restart_when_stale", [], "true or false"),
        ("revise", "Builtin", '"auto", "revise", "builtin", "off"'),
        ("revise", True, '"auto", "revise", "builtin", "off"'),
        ("revise", ["off"], '"auto", "revise", "builtin", "off"'),
        ("idle_timeout", 0, "above 0, or null for never"),
        ("idle_timeout", -1.5, "above 0, or null for never"),
        ("idle_timeout", True, "above 0, or null for never"),
        ("idle_timeout", "60", "above 0, or null for never"),
        ("idle_timeout", 10**30, "above 0, or null for never"),
        ("idle_timeout", float("nan"), "above 0, or null for never"),
    ],
)
def test_a_value_that_cannot_be_is_a_problem_that_names_what_is_allowed(
    name: str, value: object, allowed: str
) -> None:
    patterns, (problem,) = parse({"p": {name: value}}, "projects.json")
    assert patterns == {"p": {}}
    assert f"session_prefs['p']: {name} = " in str(problem)
    assert f"so it is ignored. Allowed is {problem.cure.removeprefix('Allowed is ')}" in str(
        problem
    )
    assert allowed in problem.cure


def test_null_lifts_an_idle_timeout_and_says_nothing_of_anything_else() -> None:
    nothing = dict.fromkeys(NAMES)
    everywhere = {"idle_timeout": 60, "revise": "off", "allow_restart": False}
    patterns, problems = parse({"p": nothing, "*": everywhere}, "projects.json")
    assert problems == ()
    assert lookup(patterns, Path("/a/other")).idle_timeout == 60
    here = lookup(patterns, Path("/a/p"))
    assert here.idle_timeout is None
    assert here.revise is Reviser.OFF
    assert not here.allow_restart


def test_each_value_is_told_with_the_pattern_that_says_so() -> None:
    patterns: Patterns = {"*": {"revise": "off", "idle_timeout": 5}, "P": {"idle_timeout": None}}
    found = explain(patterns, Scope(path=Path("/a/p")))
    assert tuple(found) == NAMES
    assert found["revise"] == FoundPreferences("off", "*")
    assert found["idle_timeout"] == FoundPreferences(None, "P")
    assert found["mirror_repl"] == FoundPreferences(True, None)


def test_of_two_spellings_of_a_name_the_first_counts() -> None:
    patterns: Patterns = {"PROJ": {"revise": "off"}, "proj": {"revise": "builtin"}}
    assert lookup(patterns, Path("/a/Proj")).revise is Reviser.OFF

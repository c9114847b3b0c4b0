"""What a repository may say of how its Julia is started, and what only its user can."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.config import projects, projects_edit, repo_options
from kaimond.config.julia_options import DEFAULT, LaunchConfig, LaunchError
from kaimond.config.projects_edit import Change

if TYPE_CHECKING:
    from pathlib import Path

WISHES = 'julia_bin = "/opt/evil"\nsysimage = "sys.so"\nextra_flags = ["-L", "hook.jl"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "Proj"
    made.mkdir()
    (made / "Project.toml").touch()
    return made


def says(project: Path, text: str) -> None:
    (project / "kaimon.toml").write_text(text)


def digest(project: Path) -> str:
    found = repo_options.read(project)
    assert found
    return found.digest


@pytest.mark.parametrize("text", [None, "", "[other]\nlaunch = 1\n"])
def test_a_repository_that_says_nothing_changes_nothing(project: Path, text: str | None) -> None:
    if text is not None:
        says(project, text)
    assert repo_options.combined(project, LaunchConfig(threads="2"), None) == LaunchConfig("2")


def test_harmless_keys_count_without_a_word_and_the_users_own_win(project: Path) -> None:
    says(project, '[launch]\nthreads = 8\ngcthreads = "2,1"\nheap_size_hint = "4G"\n')
    assert repo_options.combined(project, LaunchConfig(threads="3"), None) == LaunchConfig(
        threads="3", gcthreads="2,1", heap_size_hint="4G"
    )


@pytest.mark.parametrize("wish", WISHES.splitlines())
def test_what_is_run_counts_only_when_it_is_approved(project: Path, wish: str) -> None:
    says(project, f"[launch]\n{wish}\n")
    with pytest.raises(LaunchError) as caught:
        repo_options.combined(project, DEFAULT, None)
    for words in (wish, "No session was started", f"kaimonctl project approve {project}"):
        assert words in str(caught.value)
    name = wish.partition(" ")[0]
    approved = repo_options.combined(project, DEFAULT, digest(project))
    assert getattr(approved, name) == getattr(
        LaunchConfig("", "", "", ("-L", "hook.jl"), "sys.so", "/opt/evil"), name
    )


def test_an_approval_is_of_the_words_and_of_nothing_else(project: Path) -> None:
    says(project, f"[launch]\n{WISHES}")
    approved = digest(project)
    says(project, f"# a comment\n[launch]\nthreads = 3\n{WISHES}[other]\na = 1\n")
    assert repo_options.combined(project, DEFAULT, approved).threads == "3"
    says(project, f"[launch]\n{WISHES}".replace("hook.jl", "other.jl"))
    with pytest.raises(LaunchError, match="has changed since it was approved"):
        repo_options.combined(project, DEFAULT, approved)


def test_what_the_user_sets_needs_no_approval(project: Path) -> None:
    says(project, f"[launch]\n{WISHES}")
    own = LaunchConfig(julia_bin="mine", sysimage="mine.so", extra_flags=("-O1",))
    assert repo_options.combined(project, own, None) == own


def test_a_repository_that_is_never_to_choose_is_not_even_read(project: Path) -> None:
    for text in (f"[launch]\n{WISHES}", "[launch", "[launch]\nthreads = []"):
        says(project, text)
        assert repo_options.combined(project, DEFAULT, decision=False) == DEFAULT


def test_the_users_own_keys_are_not_the_repositorys(project: Path) -> None:
    says(project, "[launch]\nstartup_file = true\nnew_key = 1\n")
    found = repo_options.read(project)
    assert found
    assert found.ignored == ("new_key", "startup_file")
    assert repo_options.combined(project, DEFAULT, None) == DEFAULT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[launch", "it is not valid TOML"),
        (b"launch = 1", "launch is not a table"),
        (b"\xff", "it is not valid TOML"),
        (b"[launch]\nthreads = 'many'", r"\[launch\]\.threads = 'many' is not allowed"),
        (b"[launch]\njulia_bin = 'bin/julia'", "julia_bin"),
        (b"[launch]\nextra_flags = ['-e', '1']", "extra_flags"),
        (b"[launch]\nextra_flags = 1979-05-27", "extra_flags"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_with_a_fault_is_told_with_the_way_out(
    project: Path, content: bytes, words: str
) -> None:
    (project / "kaimon.toml").write_bytes(content)
    with pytest.raises(LaunchError, match=words) as caught:
        repo_options.combined(project, DEFAULT, None)
    assert "No session was started" in str(caught.value)
    assert f"kaimonctl project approve --never {project}" in str(caught.value)


def test_what_is_no_regular_file_is_told_and_hangs_nothing(project: Path) -> None:
    os.mkfifo(project / "kaimon.toml")
    with pytest.raises(LaunchError, match="not a regular file"):
        repo_options.combined(project, DEFAULT, None)


flags = st.lists(st.from_regex(r"--?[a-z][a-z=/.]{0,8}", fullmatch=True), max_size=3).map(tuple)
configs = st.builds(
    LaunchConfig,
    threads=st.sampled_from(["", "2"]),
    extra_flags=flags,
    sysimage=st.sampled_from(["", "a.so", "b.so"]),
    julia_bin=st.sampled_from(["", "julia", "/a", "+lts"]),
)


@given(configs, configs, configs)
def test_nothing_that_was_not_approved_ever_counts(
    own: LaunchConfig, approved: LaunchConfig, now: LaunchConfig
) -> None:
    path: Any = None
    before = repo_options.RepoLaunch(path, approved)
    after = repo_options.RepoLaunch(path, now)
    same = all(getattr(approved, name) == getattr(now, name) for name in repo_options.APPROVED)
    assert (before.digest == after.digest) == same
    result = after.under(own)
    for name in repo_options.APPROVED:
        chosen = getattr(result, name)
        assert chosen == (getattr(own, name) or getattr(now, name))
        if chosen != getattr(own, name):
            assert name in after.proposals(own)


def test_a_decision_is_kept_in_the_list_of_projects(tmp_path: Path, project: Path) -> None:
    file = tmp_path / "projects.json"
    assert projects_edit.decide_launch(file, str(project), "abc").change is Change.NOT_LISTED
    projects_edit.allow(file, str(project))
    for decision in ("abc", False, "def"):
        assert projects_edit.decide_launch(file, str(project), decision).change is Change.DECIDED
        done = projects_edit.decide_launch(file, str(project), decision)
        assert done.change is Change.ALREADY_DECIDED
        (entry,) = projects.load(file).entries
        assert entry.repo_launch == decision
        assert entry.enabled
        assert not entry.problems


def test_where_every_project_is_allowed_a_decision_makes_an_entry(
    tmp_path: Path, project: Path
) -> None:
    file = tmp_path / "projects.json"
    file.write_text('{"allow_any_project": true}')
    assert projects_edit.decide_launch(file, str(project), decision=False).change is Change.DECIDED
    allowed = projects.load(file).allowed(project)
    assert allowed
    assert allowed.repo_launch is False


@pytest.mark.parametrize("decision", [True, 1, [], {"a": 1}])
def test_a_decision_that_makes_no_sense_approves_nothing(
    tmp_path: Path, project: Path, decision: object
) -> None:
    file = tmp_path / "projects.json"
    listed = {"projects": [{"project_path": str(project), "repo_launch": decision}]}
    file.write_text(json.dumps(listed))
    (entry,) = projects.load(file).entries
    assert entry.repo_launch is None
    assert "repo_launch" in str(entry.problems[0])

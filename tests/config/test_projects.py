from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.config.document_file import EditError
from kaimond.config.julia_options import LaunchConfig
from kaimond.config.project_path import PathRefusedError, same_directory
from kaimond.config.projects import load
from kaimond.config.projects_edit import Change, allow, decide_launch, deny


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "projects.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "MyPkg")


def make_project(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "Project.toml").write_text('name = "MyPkg"\n')
    return path.resolve()


def write(file: Path, document: object) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    file.chmod(0o600)
    return file


def test_a_missing_or_empty_file_is_an_empty_list(file: Path) -> None:
    assert load(file).entries == ()
    assert load(file).problems == ()
    assert load(write(file, "\n")).readable


def test_the_specified_format_is_read(file: Path, project: Path) -> None:
    document = {
        "projects": [
            {
                "project_path": str(project),
                "enabled": True,
                "launch_config": {
                    "threads": "4",
                    "gcthreads": "",
                    "heap_size_hint": "",
                    "extra_flags": ["-O1"],
                    "sysimage": "",
                    "julia_bin": "",
                    "startup_file": False,
                },
            },
            {"project_path": "/elsewhere", "enabled": False},
        ],
        "session_prefs": {"mypkg": {"allow_restart": False}},
        "grep_paths": ["/data"],
        "allow_any_project": False,
    }
    read = load(write(file, document))
    assert read.problems == ()
    assert [entry.path for entry in read.entries] == [project, Path("/elsewhere")]
    assert read.entries[0].launch == LaunchConfig(threads="4", extra_flags=("-O1",))
    assert read.grep_paths == ("/data",)
    assert not read.preferences(project).allow_restart
    assert read.allowed(project) == read.entries[0]
    assert read.allowed(Path("/elsewhere")) is None


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("/just/a/text", "not an object"),
        (None, "not an object"),
        ({}, "project_path is missing"),
        ({"project_path": 3}, "project_path is missing or no text"),
        ({"project_path": ""}, "empty"),
        ({"project_path": "some/where"}, "not an absolute path"),
        ({"project_path": "~nobody-has-this-name/x"}, "not an absolute path"),
        ({"project_path": "/a\0b"}, "NUL"),
        ({"project_path": "/a\ud800"}, "characters that no path can have"),
        ({"project_path": "/x", "enabled": "yes"}, "counts as false"),
        ({"project_path": "/x", "launch_config": []}, "launch_config is not an object"),
        ({"project_path": "/x", "launch_config": {"threads": "x"}}, "launch_config.threads"),
    ],
)
def test_a_broken_entry_is_reported_and_hides_no_other(
    file: Path, project: Path, entry: object, what: str
) -> None:
    good = {"project_path": str(project)}
    read = load(write(file, {"projects": [entry, good]}))
    [problem] = read.problems
    assert "projects[0]" in problem.where
    assert what in problem.what
    assert problem.cure
    allowed = read.allowed(project)
    assert allowed is not None
    assert allowed.index == 1


def test_an_entry_with_a_faulty_launch_config_is_allowed_but_says_that_it_cannot_start(
    file: Path, project: Path
) -> None:
    entry = {"project_path": str(project), "launch_config": {"threads": "x"}}
    allowed = load(write(file, {"projects": [entry]})).allowed(project)
    assert allowed is not None
    assert allowed.launch is None
    assert "threads" in str(allowed.problems[0])


def test_faults_outside_the_list_are_reported_and_count_as_the_safe_choice(file: Path) -> None:
    read = load(write(file, {"allow_any_project": 1, "grep_paths": ["/a", 2], "session_prefs": 3}))
    assert not read.allow_any_project
    assert read.grep_paths == ("/a",)
    assert len(read.problems) == 3


def test_a_project_listed_twice_is_a_problem_and_denied_only_as_a_whole(
    file: Path, project: Path
) -> None:
    twice = [{"project_path": str(project), "enabled": False}, {"project_path": str(project)}]
    read = load(write(file, {"projects": twice}))
    assert "listed already" in read.problems[0].what
    assert read.allowed(project) is not None
    assert deny(file, str(project)).change is Change.DENIED
    assert load(file).allowed(project) is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "not valid JSON: line 1"),
        ("[]", "not an object"),
        ('{"projects": {}}', "projects is not a list"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("[" * 100_000, "nested"),
        ('{"a": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_an_unusable_file_gives_a_problem_no_entries_and_is_never_overwritten(
    file: Path, project: Path, content: str, what: str
) -> None:
    write(file, content)
    read = load(file)
    assert not read.readable
    assert read.entries == ()
    assert what in str(read.problems[0])
    assert what in read.refusal(project)
    with pytest.raises(EditError, match="It was not changed"):
        allow(file, str(project))
    with pytest.raises(EditError, match="It was not changed"):
        deny(file, str(project))
    assert file.read_text() == content


def test_a_file_that_every_user_can_change_is_not_trusted(file: Path, project: Path) -> None:
    write(file, {"projects": [{"project_path": str(project)}]}).chmod(0o666)
    read = load(file)
    assert read.allowed(project) is None
    assert "chmod 600" in read.problems[0].cure


def test_a_fifo_in_place_of_the_file_does_not_hang(file: Path, project: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)
    assert "not a regular file" in str(load(file).problems[0])


def test_only_exactly_the_allowed_directory_is_allowed(file: Path, project: Path) -> None:
    allow(file, str(project))
    read = load(file)
    assert read.allowed(project) is not None
    for other in (project / "src", project.parent, Path(f"{project}2")):
        assert read.allowed(other) is None
    assert f"kaimonctl project allow {project}2" in read.refusal(Path(f"{project}2"))


def test_a_project_file_names_its_directory(file: Path, project: Path) -> None:
    assert allow(file, f"{project}/Project.toml") == (Change.ADDED, project)


def test_a_directory_within_an_allowed_project_leads_to_it(file: Path, project: Path) -> None:
    allow(file, str(project))
    deep = project / "src" / "deep"
    deep.mkdir(parents=True)
    tests = make_project(project / "test")
    for inside in (project, deep, tests):
        found = load(file).leading_to(inside)
        assert found
        assert found.path == project
    assert load(file).leading_to(project.parent) is None
    allow(file, str(tests))
    own = load(file).leading_to(tests)
    assert own
    assert own.path == tests


def test_a_project_that_is_switched_off_does_not_lead_to_the_one_around_it(
    file: Path, project: Path
) -> None:
    allow(file, str(project))
    inner = make_project(project / "inner")
    write(
        file,
        {
            "projects": [
                {"project_path": str(project)},
                {"project_path": str(inner), "enabled": False},
            ]
        },
    )
    assert load(file).leading_to(inner / "src") is None


def test_all_projects_below_a_directory_can_be_allowed(file: Path, project: Path) -> None:
    above = project.parent
    assert allow(file, str(above), below=True) == (Change.ADDED, above)
    assert allow(file, str(above), below=True).change is Change.ALREADY_ALLOWED
    found = load(file).allowed(project)
    assert found
    assert found.path == project
    assert load(file).allowed(above.parent) is None
    assert deny(file, str(project)).change is Change.DENIED
    assert load(file).allowed(project) is None
    assert load(file).allowed(make_project(above / "Other")) is not None


def test_below_a_directory_the_environment_of_tests_leads_to_its_package(
    file: Path, project: Path
) -> None:
    (project / "Project.toml").write_text('name = "MyPkg"\nuuid = "1"\n')
    tests = make_project(project / "test")
    allow(file, str(project.parent), below=True)
    found = load(file).leading_to(tests)
    assert found
    assert found.path == project
    # By its own path it is still itself.
    itself = load(file).allowed(tests)
    assert itself
    assert itself.path == tests


def test_what_was_denied_with_all_below_it_is_allowed_by_itself(file: Path, project: Path) -> None:
    above = make_project(project.parent / "above")
    inner = make_project(above / "inner")
    allow(file, str(above), below=True)
    deny(file, str(above))
    assert allow(file, str(above)).change is Change.ENABLED
    assert load(file).allowed(above) is not None
    assert load(file).allowed(inner) is None


def git(*words: str, cwd: Path) -> None:
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words],
        cwd=cwd,
        check=True,
        capture_output=True,
    )


def test_worktrees_of_an_allowed_project_can_be_allowed(file: Path, project: Path) -> None:
    repository = project.parent
    git("init", "--quiet", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "-m", "x", cwd=repository)
    git("worktree", "add", str(repository.parent / "copy"), cwd=repository)
    copy = (repository.parent / "copy" / project.name).resolve()
    allow(file, str(project))
    assert load(file).allowed(copy) is None
    assert f"kaimonctl project allow --worktrees {project}" in load(file).refusal(copy)
    assert allow(file, str(project), worktrees=True).change is Change.WIDENED
    found = load(file).allowed(copy)
    assert found
    assert found.path == copy
    assert load(file).allowed(copy.parent) is None
    # A directory that only claims to be one is not: the repository does not list it.
    forged = make_project(repository.parent / "forged" / project.name)
    (forged.parent / ".git").write_bytes((copy.parent / ".git").read_bytes())
    assert load(file).allowed(forged) is None
    # Nor is one that vouches for itself, or has a link to the repository.
    own = forged.parent / "own"
    own.mkdir()
    (own / "commondir").write_text(str(repository / ".git"))
    (own / "gitdir").write_text(str(forged.parent / ".git"))
    (forged.parent / ".git").write_text(f"gitdir: {own}\n")
    assert load(file).allowed(forged) is None
    (forged.parent / ".git").unlink()
    (forged.parent / ".git").symlink_to(repository / ".git")
    assert load(file).allowed(forged) is None
    assert deny(file, str(copy)).change is Change.DENIED
    assert load(file).allowed(copy) is None
    assert load(file).allowed(project) is not None


def test_only_a_git_repository_has_worktrees(file: Path, project: Path) -> None:
    with pytest.raises(PathRefusedError, match="not in a git repository"):
        allow(file, str(project), worktrees=True)


def test_a_decision_on_a_covered_project_keeps_its_launch_options(
    file: Path, project: Path
) -> None:
    config = {"threads": "2"}
    above = {"project_path": str(project.parent), "below": True, "launch_config": config}
    write(file, {"projects": [above]})
    assert decide_launch(file, str(project), decision=False).change is Change.DECIDED
    found = load(file).allowed(project)
    assert found
    assert found.repo_launch is False
    assert found.launch
    assert found.launch.threads == "2"


def test_symlinks_are_resolved_on_both_sides(file: Path, project: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    assert allow(file, str(link)) == (Change.ADDED, project)
    assert load(file).entries[0].stored == str(project)
    write(file, {"projects": [{"project_path": str(link)}]})
    assert load(file).allowed(project) is not None
    assert allow(file, str(project)).change is Change.ALREADY_ALLOWED


def test_home_is_expanded(file: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.parent))
    write(file, {"projects": [{"project_path": "~/MyPkg"}]})
    assert load(file).allowed(project) is not None
    assert allow(file, "~/MyPkg").change is Change.ALREADY_ALLOWED


def test_spellings_that_differ_in_case_are_compared_by_inode(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = make_project(tmp_path / "pkg"), make_project(tmp_path / "PKG2").with_name("PKG")
    assert not same_directory(small, large)
    # As on a filesystem that ignores case, where both names lead to one inode.
    monkeypatch.setattr(Path, "samefile", lambda _self, _other: True)
    assert same_directory(small, large)
    assert not same_directory(small, tmp_path / "other")


def test_allow_and_deny_say_what_they_did(file: Path, project: Path) -> None:
    assert deny(file, str(project)).change is Change.NOT_LISTED
    assert not file.exists()
    assert allow(file, str(project)) == (Change.ADDED, project)
    assert allow(file, str(project)).change is Change.ALREADY_ALLOWED
    assert deny(file, str(project)).change is Change.DENIED
    assert deny(file, str(project)).change is Change.ALREADY_DENIED
    assert load(file).allowed(project) is None
    assert "switched off" in load(file).refusal(project)
    assert allow(file, str(project)).change is Change.ENABLED
    assert len(load(file).entries) == 1


def test_what_other_tools_wrote_survives(file: Path, project: Path) -> None:
    document = {
        "version": 7,
        "projects": [
            "rubbish",
            {"project_path": str(project), "launch_config": {"threads": "2", "x": 1}, "note": "ü"},
        ],
        "theirs": {"a": [1.5, None, "\ud800"]},
    }
    write(file, document)
    deny(file, str(project))
    expected = json.loads(json.dumps(document))
    expected["projects"][1]["enabled"] = False
    assert json.loads(file.read_bytes()) == expected


def test_a_number_that_cannot_be_kept_refuses_the_change(file: Path, project: Path) -> None:
    write(file, '{"theirs": 1e999}')
    with pytest.raises(EditError, match="would not survive"):
        allow(file, str(project))
    assert file.read_text() == '{"theirs": 1e999}'


def test_a_project_that_is_gone_can_still_be_denied(file: Path, project: Path) -> None:
    allow(file, str(project))
    shutil.rmtree(project)
    assert deny(file, str(project)).change is Change.DENIED


def test_with_any_project_allowed_an_entry_can_still_deny_one(file: Path, project: Path) -> None:
    write(file, {"allow_any_project": True})
    read = load(file)
    assert read.allowed(project) is not None
    assert deny(file, str(project)).change is Change.DENIED
    assert load(file).allowed(project) is None
    assert load(file).allowed(project.parent) is not None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("MyPkg", "not an absolute path"),
        ("{tmp}/MyPkg\0", "NUL"),
        ("{tmp}/missing", "does not exist"),
        ("{tmp}/file", "is not a directory"),
        ("{tmp}/empty", "neither Project.toml nor JuliaProject.toml"),
        ("{tmp}/home", "too wide"),
        ("{tmp}/MyPkg/" + "x" * 300, "too long"),
    ],
)
def test_a_path_that_cannot_be_a_project_is_refused_in_words(
    file: Path, project: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    tmp = project.parent
    (tmp / "file").touch()
    (tmp / "empty").mkdir()
    monkeypatch.setenv("HOME", str(make_project(tmp / "home")))
    with pytest.raises(PathRefusedError) as caught:
        allow(file, text.format(tmp=tmp))
    assert what in str(caught.value)
    assert "\0" not in str(caught.value)
    assert not file.exists()


def test_the_root_is_no_project(file: Path) -> None:
    with pytest.raises(PathRefusedError):
        allow(file, "/")


def test_the_file_and_its_directory_are_private(file: Path, project: Path) -> None:
    before = os.umask(0)
    try:
        allow(file, str(project))
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_symlinked_file_stays_a_symlink(file: Path, project: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "projects.json"
    target.parent.mkdir()
    write(target, {"mine": 1})
    file.parent.mkdir()
    file.symlink_to(target)
    allow(file, str(project))
    assert file.is_symlink()
    assert json.loads(target.read_bytes())["mine"] == 1
    assert load(file).allowed(project) is not None


def test_a_directory_that_cannot_be_written_is_an_error_in_words(
    file: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    allow(file, str(project))
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EditError, match=r"No space left on device.*It is as it was"):
        deny(file, str(project))
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.tmp"))
    assert not list(file.parent.glob(".*.tmp"))


def test_a_crash_before_the_rename_leaves_the_old_file(file: Path, tmp_path: Path) -> None:
    first, second = make_project(tmp_path / "a"), make_project(tmp_path / "b")
    allow(file, str(first))
    before = file.read_bytes()
    program = (
        "import os, sys, pathlib; from kaimond.config import projects_edit;"
        "pathlib.Path.replace = lambda *_: os._exit(9);"
        "projects_edit.allow(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    crashed = subprocess.run(
        [sys.executable, "-c", program, str(file), str(second)], check=False, timeout=30
    )
    assert crashed.returncode == 9
    assert file.read_bytes() == before
    # What the crash left behind is in nobody's way, and is gone after the next change.
    assert allow(file, str(second)).change is Change.ADDED
    assert len(load(file).entries) == 2
    assert sorted(path.name for path in file.parent.iterdir()) == [
        ".projects.json.lock",
        "projects.json",
    ]


def test_eight_processes_that_allow_at_the_same_time_lose_nothing(
    file: Path, tmp_path: Path
) -> None:
    program = (
        "import sys, pathlib; from kaimond.config import projects_edit;"
        "sys.stdin.read();"
        "[projects_edit.allow(pathlib.Path(sys.argv[1]), p) for p in sys.argv[2:]]"
    )
    groups = [
        [str(make_project(tmp_path / f"{number}-{turn}")) for turn in range(6)]
        for number in range(8)
    ]
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(file), *group], stdin=subprocess.PIPE)
        for group in groups
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()  # the starting shot
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 8
    stored = {entry.stored for entry in load(file).entries}
    assert stored == {path for group in groups for path in group}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        *("projects", "session_prefs", "grep_paths", "allow_any_project", "project_path"),
        *("enabled", "launch_config", "threads", "extra_flags", "*"),
    ]
)
documents = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=100) | documents.map(lambda value: json.dumps(value).encode()))
def test_no_content_of_the_file_raises_or_is_lost(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        project = make_project(directory / "p")
        file = directory / "projects.json"
        file.write_bytes(content)
        file.chmod(0o600)
        read = load(file)
        assert read.readable or read.problems
        read.preferences(project)
        read.refusal(project)
        try:
            done = allow(file, str(project))
        except EditError:
            assert file.read_bytes() == content
        else:
            assert load(file).allowed(project) is not None
            before = json.loads(content) if content.strip() else {}
            after = json.loads(file.read_bytes()) if file.read_bytes().strip() else {}
            assert {**after, "projects": None} == {**before, "projects": None}
            if done.change is Change.ADDED:
                assert after["projects"][:-1] == before.get("projects", [])


def test_configuration_is_read_with_the_standard_library_alone() -> None:
    program = (
        "import sys; before = set(sys.modules);"
        "import kaimond.config.projects, kaimond.config.settings;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    assert set(output.split()) - set(sys.stdlib_module_names) == {"kaimond"}

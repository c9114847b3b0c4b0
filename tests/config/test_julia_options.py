from __future__ import annotations

from pathlib import Path

import pytest

from kaimond.config.julia_options import LaunchConfig, LaunchError, parse

HERE = "projects.json, projects[3]"


def test_without_options_threads_are_automatic_and_no_startup_file_is_read() -> None:
    assert LaunchConfig().flags(Path("/p")) == ["--threads=auto", "--startup-file=no"]


def test_flags_come_in_the_specified_order(tmp_path: Path) -> None:
    (tmp_path / "sys.so").touch()
    raw = {
        "startup_file": True,
        "extra_flags": ["-O1", "-L", "init.jl"],
        "heap_size_hint": "4G",
        "gcthreads": "2,1",
        "threads": "4,1",
        "sysimage": "sys.so",
        "julia_bin": "/opt/julia",
        "of_another_tool": [1],
    }
    config, problems = parse(raw, HERE)
    assert problems == ()
    assert config is not None
    assert config.flags(tmp_path) == [
        f"--sysimage={tmp_path}/sys.so",
        "--threads=4,1",
        "--gcthreads=2,1",
        "--heap-size-hint=4G",
        "-O1",
        "-L",
        "init.jl",
        "--startup-file=yes",
    ]
    assert config.julia("julia") == "/opt/julia"


def test_a_sysimage_may_be_absolute_or_below_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sys.so").touch()
    expected = f"--sysimage={tmp_path}/sys.so"
    assert LaunchConfig(sysimage="~/sys.so").flags(Path("/p"))[0] == expected
    assert LaunchConfig(sysimage=f"{tmp_path}/sys.so").flags(Path("/p"))[0] == expected


def test_a_missing_sysimage_is_an_error_and_never_the_default_image(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"sys\.so.* does not exist.*No session was started"):
        LaunchConfig(sysimage="sys.so").flags(tmp_path)


def test_the_julia_program_is_the_default_unless_one_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert LaunchConfig().julia("julia") == "julia"
    assert LaunchConfig(julia_bin="~/bin/julia").julia("julia") == "/home/me/bin/julia"


def test_numbers_are_taken_for_texts_where_they_mean_the_same() -> None:
    config, problems = parse({"threads": 4, "gcthreads": None}, HERE)
    assert problems == ()
    assert config == LaunchConfig(threads="4")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", "many"),
        ("threads", True),
        ("threads", 0),
        ("threads", "4\n"),
        ("gcthreads", -1),
        ("heap_size_hint", "lots"),
        ("heap_size_hint", 1.5),
        ("extra_flags", "-O3"),
        ("extra_flags", [1]),
        ("extra_flags", [""]),
        ("extra_flags", ["program.jl"]),
        ("extra_flags", ["-O3", "--eval=exit()"]),
        ("extra_flags", ["-O3", "--project=/elsewhere"]),
        ("extra_flags", ["--project=@temp"]),
        ("extra_flags", ["--project=@script"]),
        ("extra_flags", ["-m", "MyApp"]),
        ("extra_flags", ["-O3", "+1.10"]),
        ("extra_flags", ["-O3", "--"]),
        ("extra_flags", ["-O\0"]),
        ("extra_flags", ["-\ud800"]),
        ("sysimage", ["a"]),
        ("sysimage", "a\0b"),
        ("julia_bin", "bin/julia"),
        ("julia_bin", 1),
        ("startup_file", "no"),
        ("startup_file", 0),
    ],
)
def test_a_bad_option_is_a_problem_that_names_entry_key_and_what_is_allowed(
    key: str, value: object
) -> None:
    config, [problem] = parse({key: value, "threads" if key != "threads" else "sysimage": ""}, HERE)
    assert config is None
    assert problem.where == HERE
    assert f"launch_config.{key} = " in problem.what
    assert "Allowed is" in problem.cure


def test_every_bad_option_is_reported() -> None:
    config, problems = parse({"threads": "x", "startup_file": 1}, HERE)
    assert config is None
    assert len(problems) == 2


def test_a_launch_config_that_is_no_object_is_a_problem() -> None:
    config, [problem] = parse("fast", HERE)
    assert config is None
    assert "not an object" in str(problem)

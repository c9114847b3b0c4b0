from __future__ import annotations

from pathlib import Path

import pytest

from kaimond.startup_jl.places import PlaceError, global_file, package_directory, project_file


def test_the_package_is_where_julia_would_look_for_it() -> None:
    assert (package_directory() / "Kaimon" / "src" / "Kaimon.jl").is_file()
    assert (package_directory() / "Kaimon" / "Project.toml").is_file()


@pytest.mark.parametrize(
    ("depots", "file"),
    [
        (None, "/home/you/.julia/config/startup.jl"),
        ("/depot", "/depot/config/startup.jl"),
        ("/depot:/other", "/depot/config/startup.jl"),
        (":/other", "/home/you/.julia/config/startup.jl"),
        ("~/depot:", "/home/you/depot/config/startup.jl"),
        ("~", "/home/you/config/startup.jl"),
    ],
)
def test_the_first_depot_has_the_startup_file(depots: str | None, file: str) -> None:
    environ = {"HOME": "/home/you"} | ({} if depots is None else {"JULIA_DEPOT_PATH": depots})
    assert global_file(environ) == Path(file)


@pytest.mark.parametrize(("depots", "words"), [("", "is empty"), ("depot", "not an absolute path")])
def test_a_depot_that_is_none_is_told(depots: str, words: str) -> None:
    with pytest.raises(PlaceError, match=words):
        global_file({"HOME": "/home/you", "JULIA_DEPOT_PATH": depots})


def test_a_projects_file_has_the_specified_name() -> None:
    assert project_file(Path("/p")) == Path("/p/.julia-startup.jl")

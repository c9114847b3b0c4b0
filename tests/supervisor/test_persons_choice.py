"""Which session a person means by the directory that they are in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kaimond.config.projects import load
from kaimond.errors import SessionError
from kaimond.supervisor.persons_choice import meant, project_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.supervisor.conftest import Desk


class Place:
    """A tree of projects, and a person in one of its directories."""

    def __init__(self, tree: Path, desk: Desk) -> None:
        self.file = tree / "projects.json"
        self.desk = desk
        self.package, self.other = tree / "Pkg", tree / "Other"
        for project in (self.package, self.package / "test", self.other):
            project.mkdir()
            (project / "Project.toml").touch()
        (self.package / "src").mkdir()
        listed = [{"project_path": str(self.package)}]
        self.file.write_text(json.dumps({"projects": listed}))

    def choice(self, cwd: Path, begin: str = "", *, careful: bool = False) -> str:
        found = meant(self.desk.supervisor, load(self.file), begin, str(cwd), careful=careful)
        return found.key

    def refusal(self, cwd: Path, begin: str = "", *, careful: bool = False) -> str:
        with pytest.raises(SessionError) as caught:
            self.choice(cwd, begin, careful=careful)
        assert "\n" not in caught.value.message
        return caught.value.message


@pytest.fixture
def place(tmp_path: Path, desk: Desk) -> Place:
    return Place(tmp_path, desk)


def test_the_project_of_a_directory_is_the_nearest_allowed_one_at_or_above(place: Place) -> None:
    package = place.package
    for inside in (package, package / "src", package / "test"):
        assert project_at(load(place.file), str(inside)) == package
    # Where none is allowed, the refusal is to name the nearest.
    assert project_at(load(place.file), str(place.other)) == place.other
    assert project_at(load(place.file), str(package.parent)) is None
    assert project_at(load(place.file), "") is None


def test_a_project_file_in_the_home_directory_is_not_meant_for_all_below(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place.other))
    (place.other / "sub").mkdir()
    assert project_at(load(place.file), str(place.other / "sub")) is None


def test_a_person_means_the_session_of_the_project_that_they_are_in(place: Place) -> None:
    here, there = place.desk.start(str(place.package)), place.desk.start(str(place.other))
    assert place.choice(place.package / "src") == here
    assert place.choice(place.other, careful=True) == there
    named = place.desk.start(str(place.package), "second")
    assert place.choice(place.package) == here
    assert place.choice(place.package, named[:7]) == named
    elsewhere = place.refusal(place.package.parent)
    assert all(key in elsewhere for key in (here, there, named))


def test_of_several_named_sessions_of_a_project_none_is_guessed(place: Place) -> None:
    keys = [place.desk.start(str(place.package), name) for name in ("one", "two")]
    place.desk.start(str(place.other))
    assert all(key in place.refusal(place.package) for key in keys)


def test_the_only_session_is_meant_unless_something_could_be_lost_by_mistake(place: Place) -> None:
    assert "`kaimonctl start PATH`" in place.refusal(place.package)
    only = place.desk.start(str(place.other))
    assert place.choice(place.package.parent, careful=True) == only
    assert place.choice(place.package) == only
    refused = place.refusal(place.package, careful=True)
    assert f"{place.package} has no session. The only one, {only} (Other" in refused
    assert place.choice(place.package, only, careful=True) == only

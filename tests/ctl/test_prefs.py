"""``kaimonctl prefs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home


@pytest.fixture
def file(home: Home) -> Path:
    return home.path / ".config" / "kaimon" / "projects.json"


def prefs(file: Path) -> Any:
    return json.loads(file.read_bytes())["session_prefs"]


def test_a_preference_is_set_read_with_its_origin_and_unset(home: Home, file: Path) -> None:
    project = home.path / "MyPkg"
    project.mkdir()
    done = home.ctl("prefs", "set", "*", "idle_timeout", "3600")
    assert done.stdout == "every project: idle_timeout is 3600\n"
    done = home.ctl("prefs", "set", "mypkg", "revise", "builtin")
    assert done.stdout == 'every project named mypkg: revise is "builtin"\n'
    done = home.ctl("prefs", "set", ".", "idle_timeout", "null", cwd=project)
    assert done.stdout == f"{project}: idle_timeout is null\n"
    assert prefs(file) == {
        "*": {"idle_timeout": 3600},
        "mypkg": {"revise": "builtin"},
        str(project): {"idle_timeout": None},
    }

    got = json.loads(home.ctl("prefs", "get", str(project), "--json").stdout)
    assert got["preferences"]["idle_timeout"] == {"value": None, "from": str(project)}
    assert got["preferences"]["revise"] == {"value": "builtin", "from": "mypkg"}
    assert got["preferences"]["mirror_repl"] == {"value": True, "from": None}
    shown = home.ctl("prefs", "get", str(project)).stdout.splitlines()
    assert shown[0].split() == ["PREFERENCE", "VALUE", "FROM"]
    assert [line.split(maxsplit=2) for line in shown[3:4]] == [["revise", '"builtin"', "mypkg"]]
    assert shown[1].split(maxsplit=2)[2] == "the default"

    done = home.ctl("prefs", "set", "MyPkg", "revise", "off")
    assert done.stdout == 'every project named MyPkg: revise is "off" (was "builtin")\n'
    done = home.ctl("prefs", "set", "MyPkg", "revise", "off")
    assert done.stdout == 'every project named MyPkg: revise is already "off"\n'

    done = home.ctl("prefs", "unset", str(project), "idle_timeout")
    assert done.stdout == f"{project}: idle_timeout is unset; it is 3600 now, * says so\n"
    done = home.ctl("prefs", "unset", "MyPkg", "revise")
    assert 'it is "auto" now, the default' in done.stdout
    assert prefs(file) == {"*": {"idle_timeout": 3600}}
    done = home.ctl("prefs", "unset", "MyPkg", "revise")
    assert done.returncode == 1
    assert "is not set for every project named MyPkg, so nothing was changed" in done.stderr


def test_one_preference_can_be_asked_for(home: Home) -> None:
    shown = home.ctl("prefs", "get", "*", "revise").stdout.splitlines()
    assert [line.split() for line in shown] == [
        ["PREFERENCE", "VALUE", "FROM"],
        ["revise", '"auto"', "the", "default"],
    ]


def test_what_is_set_is_listed_with_the_defaults(home: Home, file: Path) -> None:
    home.ctl("prefs", "set", "MyPkg", "allow_restart", "false")
    for arguments in (["prefs"], ["prefs", "list"]):
        lines = [line.split() for line in home.ctl(*arguments).stdout.splitlines()]
        assert lines[1] == ["MyPkg", "allow_restart", "false"]
        assert ["(default)", "idle_timeout", "null"] in lines
    listed = json.loads(home.ctl("prefs", "list", "--json").stdout)
    assert listed["file"] == str(file)
    assert listed["session_prefs"] == {"MyPkg": {"allow_restart": False}}
    assert listed["defaults"]["revise"] == "auto"
    assert listed["problems"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "x", "revise", "Off"], 1, '"auto", "revise", "builtin", "off"'),
        (["set", "x", "idle_timeout", "NaN"], 1, "a number of seconds above 0, or null"),
        (["set", "x", "idle_timeout", "0"], 1, "a number of seconds above 0, or null"),
        (["set", "x", "mirror_repl", "yes"], 1, "true or false"),
        (["set", "x", "no_such", "1"], 2, "no_such"),
        (["set", "", "revise", "off"], 1, "empty"),
        (["set", "~no-such-user-here/x", "revise", "off"], 1, "not an absolute path"),
        (["set", "x", "revise"], 2, "VALUE"),
        (["get"], 2, "SCOPE"),
        (["bogus"], 2, "bogus"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(
    home: Home, file: Path, arguments: list[str], code: int, words: str
) -> None:
    done = home.ctl("prefs", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""
    assert not file.exists()


def test_a_file_with_faults_is_told_and_one_that_cannot_be_read_is_never_written(
    home: Home, file: Path
) -> None:
    file.parent.mkdir(parents=True)
    file.write_text('{"session_prefs": {"a": {"revise": 1}}}')
    file.chmod(0o600)
    assert "revise = 1 is not allowed" in home.ctl("prefs").stderr
    assert "revise = 1" in json.loads(home.ctl("prefs", "list", "--json").stdout)["problems"][0]
    file.write_text('{"session_prefs"')
    done = home.ctl("prefs", "set", "a", "revise", "off")
    assert done.returncode == 1
    assert "not valid JSON" in done.stderr
    assert "It was not changed" in done.stderr
    assert file.read_text() == '{"session_prefs"'

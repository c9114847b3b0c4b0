from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kaimond.config.document_file import EditError
from kaimond.config.preferences_edit import Edited, set_value, unset
from kaimond.config.scope import Scope

PROJECT = Scope(path=Path("/a/Proj"))
NAMED = Scope(name="proj")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "projects.json"


def write(file: Path, prefs: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"projects": [], "mine": 1, "session_prefs": prefs}))
    file.chmod(0o600)


def prefs(file: Path) -> Any:
    document = json.loads(file.read_bytes())
    return document["session_prefs"]


def test_a_preference_is_set_in_a_file_that_is_not_there_yet(file: Path) -> None:
    done = set_value(file, PROJECT, "idle_timeout", 60)
    assert done == Edited("/a/Proj", was_set=False, before=None, changed=True)
    assert json.loads(file.read_bytes()) == {"session_prefs": {"/a/Proj": {"idle_timeout": 60}}}


def test_an_existing_spelling_of_the_scope_is_used_and_the_rest_stays(file: Path) -> None:
    write(file, {"*": {"revise": "off"}, "PROJ": {"theirs": [1]}, "Proj": {"revise": "auto"}})
    done = set_value(file, NAMED, "revise", "builtin")
    assert done == Edited("PROJ", was_set=False, before=None, changed=True)
    assert prefs(file) == {
        "*": {"revise": "off"},
        "PROJ": {"theirs": [1], "revise": "builtin"},
        "Proj": {"revise": "auto"},
    }
    assert json.loads(file.read_bytes())["mine"] == 1


def test_setting_what_is_set_writes_nothing(file: Path) -> None:
    write(file, {"*": {"mirror_repl": True}})
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
    assert set_value(file, Scope(), "mirror_repl", True) == Edited("*", True, True, False)
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_one_is_not_taken_for_true(file: Path) -> None:
    write(file, {"*": {"mirror_repl": 1}})
    assert set_value(file, Scope(), "mirror_repl", True).changed
    assert prefs(file) == {"*": {"mirror_repl": True}}


def test_a_value_that_is_not_allowed_changes_nothing(file: Path) -> None:
    with pytest.raises(EditError, match=r"revise = 'no' is not allowed.*\"auto\", \"revise\""):
        set_value(file, PROJECT, "revise", "no")
    assert not file.parent.exists()


def test_unsetting_removes_every_spelling_and_what_is_left_empty(file: Path) -> None:
    write(file, {"PROJ": {"revise": "off"}, "Proj": {"revise": "auto", "x": 1}, "*": {"y": 1}})
    assert unset(file, NAMED, "revise") == Edited("PROJ", True, "off", True)
    assert prefs(file) == {"Proj": {"x": 1}, "*": {"y": 1}}


def test_unsetting_what_is_not_set_writes_nothing(file: Path) -> None:
    assert unset(file, PROJECT, "revise") == Edited("/a/Proj", False, None, False)
    assert not file.exists()
    write(file, {"Proj": {"revise": "off"}})
    before = file.read_bytes()
    assert not unset(file, PROJECT, "revise").changed
    assert file.read_bytes() == before


@pytest.mark.parametrize("faulty", [[], 3, {"Proj": 3}])
def test_what_is_no_object_is_left_to_the_user(file: Path, faulty: object) -> None:
    write(file, faulty)
    before = file.read_bytes()
    words = r"is not an object\. It was not changed\. Correct it"
    with pytest.raises(EditError, match=words):
        set_value(file, NAMED, "revise", "off")
    with pytest.raises(EditError, match=words):
        unset(file, NAMED, "revise")
    assert file.read_bytes() == before

"""``kaimonctl config``."""

from __future__ import annotations

import fcntl
import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.config.settings import KEYS, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home


@pytest.fixture
def folder(home: Home) -> Path:
    return home.path / ".config" / "kaimon"


@pytest.fixture
def overlay(folder: Path) -> Path:
    return folder / "kaimond.d"


@pytest.fixture
def ours(overlay: Path) -> Path:
    return overlay / "90-kaimonctl.toml"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def listed(home: Home) -> dict[str, Any]:
    told = json.loads(home.ctl("config", "list", "--json").stdout)
    return {each["name"]: each for each in told["settings"]}


def test_every_setting_is_listed_with_its_value_and_the_file_that_it_comes_from(
    home: Home, folder: Path, overlay: Path
) -> None:
    own = write(folder / "kaimond.toml", "[eval]\nkeep = 300\nkeep_days = 7\nkep = 1\n")
    other = write(overlay / "10.toml", "[eval]\nkeep = 400\n")

    told = listed(home)
    assert list(told) == list(KEYS)
    assert (told["eval.keep"]["value"], told["eval.keep"]["from"]) == (400, str(other))
    assert (told["eval.keep_days"]["value"], told["eval.keep_days"]["from"]) == (7, str(own))
    assert (told["log.level"]["value"], told["log.level"]["from"]) == ("info", None)

    done = home.ctl("config")
    rows = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()}
    assert rows["eval.keep"] == ["400", "kaimond.d/10.toml"]
    assert rows["eval.keep_days"] == ["7", "kaimond.toml"]
    assert rows["log.level"] == ['"info"', "default"]
    assert "eval.kep is ignored. Did you mean eval.keep?" in done.stderr


def test_one_setting_is_told_with_what_is_allowed(home: Home) -> None:
    assert home.ctl("config", "get", "log.backups").stdout.splitlines() == [
        "log.backups = 5",
        "  origin   the default",
        "  default  5",
        "  allowed  a whole number from 0 to 1000",
        "  meaning  number of rotated files that are kept",
    ]
    told = json.loads(home.ctl("config", "get", "log.backups", "--json").stdout)
    assert told == listed(home)["log.backups"]


def test_a_setting_is_set_in_our_file_and_unset_and_the_persons_own_file_stays(
    home: Home, folder: Path, ours: Path
) -> None:
    own = write(folder / "kaimond.toml", "# mine\neval.keep=100\n")

    done = home.ctl("config", "set", "eval.keep", "50")
    assert (
        done.stdout == f"eval.keep is 50 (was 100, from {own})\nkaimond reads it when it starts.\n"
    )
    assert load(own, ours.parent).settings.eval.keep == 50
    assert ours.stat().st_mode & 0o777 == 0o600
    assert home.ctl("config", "set", "eval.keep", "50").stdout.startswith(
        "eval.keep is already 50\n"
    )

    home.ctl("config", "set", "log.level", "debug")
    done = home.ctl("config", "unset", "eval.keep")
    assert done.stdout.startswith(f"eval.keep is unset; it is 100, from {own}\n")
    assert tomllib.loads(ours.read_text()) == {"log": {"level": "debug"}}
    done = home.ctl("config", "unset", "eval.keep")
    assert done.returncode == 1
    assert f"not set in {ours}, so nothing was changed; it is 100, from {own}." in done.stderr
    assert own.read_text() == "# mine\neval.keep=100\n"


def test_unset_makes_nothing_where_nothing_was_set(home: Home, folder: Path) -> None:
    assert home.ctl("config", "unset", "eval.keep").returncode == 1
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "words", "value"),
    [
        ("eval.promote_after", ["10"], 10.0),
        ("julia.command", ["1.10"], "1.10"),
        ("julia.command", ["+lts"], "+lts"),
        ("julia.command", ['"/opt/a b/julia"'], "/opt/a b/julia"),
        ("environment.pass", ["MY_DATA", "AWS_*"], ["MY_DATA", "AWS_*"]),
        ("environment.pass", ['["MY_DATA"]'], ["MY_DATA"]),
        ("environment.pass", ["[]"], []),
        ("log.backups", ["0"], 0),
    ],
)
def test_a_value_is_given_as_it_is_or_as_in_toml(
    home: Home, ours: Path, name: str, words: list[str], value: object
) -> None:
    done = home.ctl("config", "set", name, *words)

    assert done.returncode == 0
    assert listed(home)[name]["value"] == value
    assert listed(home)[name]["from"] == str(ours)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "eval.keep", "lots"], 1, '"lots" is not allowed. Allowed is a whole number'),
        (["set", "eval.keep", "0"], 1, "from 1 to 10000"),
        (["set", "eval.keep", "true"], 1, "eval.keep = true is not allowed"),
        (["set", "eval.keep", "1", "2"], 1, "eval.keep takes one value, and 2 were given"),
        (["set", "session.start_timeout", "nan"], 1, "a number of seconds above 0"),
        (["set", "log.level", "loud"], 1, '"debug", "info", "warning", "error"'),
        (["set", "julia.command", ""], 1, "not empty"),
        (["set", "environment.pass", "A=B"], 1, 'environment.pass = ["A=B"] is not allowed'),
        (["set", "environment.pass", '["A"]', "B"], 1, "is not allowed"),
        (["set", "keep", "1"], 2, "Did you mean 'eval.keep'?"),
        (["get", "log.levle"], 2, "Did you mean 'log.level'?"),
        (["unset", "log.levle"], 2, "Did you mean 'log.level'?"),
        (["set", "log.level"], 2, "VALUE"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_writes_nothing(
    home: Home, folder: Path, arguments: list[str], code: int, words: str
) -> None:
    done = home.ctl("config", *arguments)

    assert done.returncode == code
    assert words in done.stderr
    assert "Nothing was" in done.stderr
    assert done.stdout == ""
    assert not folder.exists()


def test_a_value_that_a_later_file_overrides_is_not_claimed_to_count(
    home: Home, overlay: Path, ours: Path
) -> None:
    later = write(overlay / "95.toml", "eval.keep = 300\n")

    done = home.ctl("config", "set", "eval.keep", "50")

    assert done.returncode == 0
    assert done.stdout == f"eval.keep is 50 in {ours}\n"
    assert f"no effect: {later} is read later and says 300." in done.stderr
    assert listed(home)["eval.keep"]["value"] == 300


def test_a_fault_in_a_file_is_told_and_our_own_can_be_mended(
    home: Home, folder: Path, ours: Path
) -> None:
    write(ours, 'log.level = "loud"\neval.keep = 7\nnewer.key = 1\n')
    done = home.ctl("config", "list")
    assert done.returncode == 1
    assert f'{ours}: log.level = "loud" is not allowed' in done.stderr
    assert "kaimond does not start" in done.stderr

    assert home.ctl("config", "set", "log.level", "debug").returncode == 0
    assert listed(home)["log.level"]["value"] == "debug"
    assert tomllib.loads(ours.read_text())["newer"] == {"key": 1}

    write(folder / "kaimond.toml", "[")
    done = home.ctl("config", "unset", "log.level")
    assert done.returncode == 0
    assert done.stdout == "log.level is unset\n"
    assert "kaimond does not start" in done.stderr
    assert tomllib.loads(ours.read_text()) == {"eval": {"keep": 7}, "newer": {"key": 1}}


@pytest.mark.parametrize(
    ("text", "words"), [("[eval", "not valid TOML"), ("eval = 3", "eval is not a table")]
)
def test_our_own_file_is_not_written_over_if_it_cannot_be_read(
    home: Home, ours: Path, text: str, words: str
) -> None:
    write(ours, text)

    done = home.ctl("config", "set", "eval.keep", "50")

    assert done.returncode == 1
    assert ours.name in done.stderr
    assert words in done.stderr
    assert "Correct that file" in done.stderr
    assert ours.read_text() == text


def test_a_link_in_place_of_our_file_stays_one(home: Home, ours: Path) -> None:
    real = write(home.path / "dotfiles" / "kaimon.toml", "log.backups = 1\n")
    ours.parent.mkdir(parents=True)
    ours.symlink_to(real)

    assert home.ctl("config", "set", "eval.keep", "50").returncode == 0

    assert ours.is_symlink()
    assert tomllib.loads(real.read_text()) == {"log": {"backups": 1}, "eval": {"keep": 50}}


def test_while_a_daemon_runs_the_way_to_have_it_read_the_change_is_told(home: Home) -> None:
    home.runtime.mkdir(mode=0o700)
    with (home.runtime / "kaimond.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home.ctl("config", "set", "julia.command", "+lts")

    assert "goes on with what it has read; it reads this on `kaimonctl reload`" in done.stdout
    assert "a session when it starts or restarts after that" in done.stdout

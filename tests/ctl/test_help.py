"""What every command of ``kaimonctl`` owes a newcomer; those to come are met here as well."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from kaimond.ctl import command_line, outline
from kaimond.ctl.command_line import COMMANDS
from tests.ctl.conftest import CTL

if TYPE_CHECKING:
    from tests.ctl.conftest import Home

PROGRAM = outline.kaimonctl()
LEAVES = list(PROGRAM.leaves())
CHANGING = {
    *("start", "stop", "restart", "reload", "shutdown", "interrupt", "allow", "deny", "set"),
    *("unset", "install", "uninstall", "remove", "attach", "approve", "revoke", "reset", "tui"),
    *("revise", "dev", "eval"),
}
"""Last words of commands that do something. All others only tell something."""

NOT_FACTS = {"completions", "bugreport"}
"""They print or write a file that is for programs or for people anyway."""

READING = [each for each in LEAVES if each.words[-1] not in CHANGING | NOT_FACTS]
WITHOUT_ARGUMENTS = [
    each for each in READING if not any(argument.required for argument in each.arguments)
]


def named(each: outline.Outline) -> str:
    return " ".join(each.words[1:])


everything = pytest.mark.parametrize("each", list(PROGRAM.walk()), ids=named)
leaves = pytest.mark.parametrize("each", LEAVES, ids=named)
reading = pytest.mark.parametrize("each", WITHOUT_ARGUMENTS, ids=named)


def run_on_terminal(home: Home, *arguments: str, **environ: str) -> str:
    """All that the program writes when its output is a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*CTL, *arguments],
        env={**home.environ, "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    parts = []
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    process.wait(60)
    return b"".join(parts).decode()


@everything
def test_everything_says_what_it_is_for_and_shows_an_example(each: outline.Outline) -> None:
    assert each.description
    assert re.search(r"^examples?:", each.epilog, re.MULTILINE), each.words


@leaves
def test_every_example_can_be_parsed(each: outline.Outline) -> None:
    examples = re.findall(r"kaimonctl [^\n]*", each.epilog)
    assert examples
    for example in examples:
        # Only the part up to a pipe or a redirection is ours.
        words = shlex.split(re.split(r" [|>&] | && ", example)[0])[1:]
        options = command_line.top_parser().parse_args(words)
        command_line.command_parser(options.command).parse_args(options.rest)
        assert words[: len(each.words) - 1] == list(each.words[1:])


@everything
def test_every_argument_is_explained(each: outline.Outline) -> None:
    silent = [item.names or item.metavar for item in each.arguments + each.options if not item.help]

    assert silent == []


@everything
def test_everything_below_a_command_has_a_summary(each: outline.Outline) -> None:
    assert [below.words for below in each.actions if not below.summary] == []


@pytest.mark.parametrize("each", READING, ids=named)
def test_whatever_only_tells_something_tells_it_to_programs_too(each: outline.Outline) -> None:
    told = f"give `{' '.join(each.words)}` --json, or list it above if it changes something"
    assert any("--json" in option.names for option in each.options), told


@reading
def test_what_is_read_by_a_program_has_no_colours(home: Home, each: outline.Outline) -> None:
    done = home.ctl(*each.words[1:])

    assert "\x1b" not in done.stdout + done.stderr


@reading
def test_no_color_is_honoured_on_a_terminal(home: Home, each: outline.Outline) -> None:
    assert "\x1b" not in run_on_terminal(home, *each.words[1:], NO_COLOR="1")


def test_help_is_plain_where_colours_are_not_wanted(home: Home) -> None:
    # Newer versions of argparse colour by themselves.
    shown = run_on_terminal(home, "log", "--help", NO_COLOR="1")

    assert "example" in shown
    assert "\x1b" not in shown


@reading
def test_json_is_json_if_it_comes(home: Home, each: outline.Outline) -> None:
    done = home.ctl(*each.words[1:], "--json")

    for line in done.stdout.splitlines():
        json.loads(line)
    # What is said instead says why there is nothing to read.
    assert done.stdout or done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["statsu"], "'status'"),
        (["sesions"], "'sessions'"),
        (["project", "alow", "x"], "'allow'"),
        (["status", "--jsn"], "'--json'"),
        (["project", "list", "--jsno"], "'--json'"),
        (["--vresion"], "'--version'"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    home: Home, typed: list[str], meant: str
) -> None:
    done = home.ctl(*typed)

    assert done.returncode == 2
    assert f"Did you mean {meant}?" in done.stderr
    assert "Nothing was done." in done.stderr
    assert "--help" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_found_when_two_letters_are_swapped(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = command[0] + command[2] + command[1] + command[3:]
    if swapped in COMMANDS or swapped == command:
        pytest.skip("swapping gives a command")
    with pytest.raises(SystemExit) as ended:
        command_line.run([swapped])
    assert ended.value.code == 2
    assert f"Did you mean {command!r}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["prefs", "set"], "usage: kaimonctl prefs set "),
        (["project"], "It is one of: allow, deny, "),
        (["mcp", "install"], "missing: --client"),
    ],
)
def test_whoever_gives_too_little_is_told_what_is_missing(
    home: Home, typed: list[str], expected: str
) -> None:
    done = home.ctl(*typed)

    assert done.returncode == 2
    assert expected in done.stderr
    assert "Nothing was done." in done.stderr


def test_what_is_like_nothing_gets_no_suggestion(home: Home) -> None:
    done = home.ctl("xyzzy")

    assert "Did you mean" not in done.stderr
    assert "status" in done.stderr


@pytest.mark.parametrize("arguments", [["help"], ["help", "project"], ["help", "status"]])
def test_help_is_a_word_as_well(home: Home, arguments: list[str]) -> None:
    done = home.ctl(*arguments)

    assert done.returncode == 0
    assert "example" in done.stdout


def test_what_a_command_does_not_know_is_refused_before_anything_is_done(home: Home) -> None:
    done = home.ctl("project", "allow", str(home.path), "--really")

    assert done.returncode == 2
    assert not (home.path / ".config").exists()

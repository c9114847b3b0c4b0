"""The completion scripts, in the shells themselves where they are installed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from kaimond.ctl import completion, outline
from kaimond.ctl.command_line import COMMANDS
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ctl.conftest import Home, Stub

PROGRAM = outline.kaimonctl()
SCRIPTS = {shell: script(PROGRAM) for shell, script in completion.SHELLS.items()}
ACTIONS = {each.words[1]: {action.words[-1] for action in each.actions} for each in PROGRAM.actions}
SESSIONS = {"sessions": [{"key": "1a2b3c4d"}, {"key": "1affffff"}, {"key": "99999999"}]}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


@pytest.fixture
def program(home: Home) -> Home:
    """A home with ``kaimonctl`` on the PATH and the scripts written to files."""
    folder = home.path / "bin"
    folder.mkdir()
    launcher = folder / "kaimonctl"
    code = "import sys; from kaimond.ctl import main; sys.exit(main())"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(code)} "$@"\n')
    launcher.chmod(0o755)
    home.environ["PATH"] = f"{folder}:{home.environ['PATH']}"
    for shell, script in SCRIPTS.items():
        (home.path / shell).write_text(script)
    return home


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_command_prints_the_script(home: Home, shell: str) -> None:
    assert home.ctl("completions", shell).stdout == SCRIPTS[shell]


def test_what_the_help_and_the_document_say_installs_it_in_an_empty_home(program: Home) -> None:
    document = (CHECKOUT / "docs" / "install.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"^```\n(# bash\n.*?)^```", document, re.DOTALL | re.MULTILINE)
    helped = program.ctl("completions", "--help").stdout
    assert textwrap.indent(told, "  ") in helped

    subprocess.run(["sh", "-eu", "-c", told], env=program.environ, check=True, timeout=60)

    for file, shell in (
        (".local/share/bash-completion/completions/kaimonctl", "bash"),
        (".zfunc/_kaimonctl", "zsh"),
        (".config/fish/completions/kaimonctl.fish", "fish"),
    ):
        assert (program.path / file).read_text() == SCRIPTS[shell]


def bash(home: Home, *words: str) -> set[str]:
    """What bash offers for the last of the words, as its completion system would ask."""
    line = " ".join(words)
    script = (
        f"source {home.path}/bash\n"
        f"COMP_WORDS=({' '.join(shlex.quote(word) for word in words)})\n"
        f"COMP_CWORD={len(words) - 1}\nCOMP_LINE={shlex.quote(line)}\nCOMP_POINT={len(line)}\n"
        "entry=$(complete -p kaimonctl); entry=${entry##*-F }; entry=${entry%% *}\n"
        '$entry; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", script],
        env=home.environ,
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


@needs("bash")
def test_bash_completes_commands_actions_options_and_choices(program: Home) -> None:
    assert bash(program, "kaimonctl", "") == set(COMMANDS)
    assert bash(program, "kaimonctl", "sessi") == {"sessions"}
    assert bash(program, "kaimonctl", "project", "") == ACTIONS["project"]
    assert bash(program, "kaimonctl", "project", "list", "--j") == {"--json"}
    assert bash(program, "kaimonctl", "log", "--level", "W") == {"WARNING"}
    assert bash(program, "kaimonctl", "log", "--level", "WARNING", "--fo") == {"--follow"}
    assert bash(program, "kaimonctl", "completions", "") >= {"bash", "zsh", "fish"}
    assert bash(program, "kaimonctl", "nonsense", "--v") == {"--version"}


@needs("bash")
def test_bash_completes_the_keys_of_live_sessions(program: Home, stub: Stub) -> None:
    stub.answers["sessions"] = SESSIONS

    assert bash(program, "kaimonctl", "restart", "1a") == {"1a2b3c4d", "1affffff"}
    assert bash(program, "kaimonctl", "log", "--session", "9") == {"99999999"}


@needs("bash")
def test_bash_offers_nothing_where_no_daemon_runs(program: Home) -> None:
    assert bash(program, "kaimonctl", "restart", "") == set()


@needs("bash")
def test_bash_completes_allowed_projects_and_directories_with_blanks(program: Home) -> None:
    project = program.path / "my pkg"
    project.mkdir()
    (project / "Project.toml").touch()
    program.ctl("project", "allow", str(project))
    (program.path / "my other").mkdir()
    (program.path / "my file").touch()

    assert bash(program, "kaimonctl", "start", "my") == {"my pkg", "my other"}
    assert bash(program, "kaimonctl", "start", str(program.path / "my p")) == {str(project)}
    assert bash(program, "kaimonctl", "start", "/") >= {str(project)}


@needs("zsh")
def test_zsh_completes_commands_options_and_keys(program: Home, stub: Stub) -> None:
    stub.answers["sessions"] = SESSIONS
    folder = program.path / "functions"
    folder.mkdir()
    (program.path / "zsh").rename(folder / "_kaimonctl")

    assert "project" in zsh(program, "kaimonctl pro")
    assert "--follow" in zsh(program, "kaimonctl log --fo")
    assert "allow" in zsh(program, "kaimonctl project al")
    assert "1a2b3c4d" in zsh(program, "kaimonctl restart 1a2")


def zsh(home: Home, line: str) -> str:
    """The command line after a person's tab key, from a real zsh on a terminal of its own."""
    # zpty is zsh's own way to type into an interactive zsh.
    script = f"""
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'PS1="" PROMPT_EOL_MARK=""; unsetopt zle_bracketed_paste'
zpty -w shell 'fpath=({home.path}/functions $fpath)'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; show() {{ print -r -- "<<$BUFFER>>"; exit; }}'
zpty -w shell 'zle -N show; bindkey "^X" show; print ready'
zpty -r shell text '*ready*ready*'
zpty -w -n shell {shlex.quote(line)}$'\\t\\x18'
zpty -r shell text '*<<*>>*'
print -r -- $text
"""
    done = subprocess.run(
        ["zsh", "-f", "-c", script],
        env={**home.environ, "TERM": "dumb"},
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


@needs("fish")
def test_fish_completes_commands_options_and_keys(program: Home, stub: Stub) -> None:
    stub.answers["sessions"] = SESSIONS

    assert fish(program, "kaimonctl ") >= set(COMMANDS)
    assert fish(program, "kaimonctl project ") == ACTIONS["project"]
    assert fish(program, "kaimonctl log --fo") == {"--follow"}
    assert fish(program, "kaimonctl log --level W") == {"WARNING"}
    assert fish(program, "kaimonctl restart 1a") == {"1a2b3c4d", "1affffff"}
    assert "status" not in fish(program, "kaimonctl project s")


def fish(home: Home, line: str) -> set[str]:
    """What fish offers at the end of a line."""
    script = f"source {home.path}/fish; complete --do-complete {shlex.quote(line)}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=home.environ,
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return {offered.partition("\t")[0] for offered in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_accepts_the_syntax_of_its_script(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(SCRIPTS[shell])
    subprocess.run([shell, "-n", str(file)], check=True, timeout=60)


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_command_option_and_action_is_in_the_script(shell: str) -> None:
    text = SCRIPTS[shell]
    for each in PROGRAM.walk():
        assert each.words[-1] in text
        for option in each.options:
            assert all(name.lstrip("-") in text for name in option.names)


def test_projects_are_completed_without_a_daemon_and_only_if_they_are_allowed(home: Home) -> None:
    for name in ("one", "two"):
        (home.path / name).mkdir()
        (home.path / name / "Project.toml").touch()
        home.ctl("project", "allow", str(home.path / name))
    home.ctl("project", "deny", str(home.path / "two"))

    assert home.ctl("completions", "projects").stdout == f"{home.path / 'one'}\n"


def test_help_that_shells_would_read_as_code_is_only_text(tmp_path: Path) -> None:
    evil = "don't [run] $(touch hacked) `touch hacked`: \\ %s 100%"
    option = outline.Argument(("--odd",), "", (), evil, required=False)
    below = outline.Outline(("odd", "thing"), evil, "", "", (), (option,))
    program = outline.Outline(("odd",), "", "", "", (), (option,), (below,))
    for shell, script in completion.SHELLS.items():
        if not shutil.which(shell):
            continue
        file = tmp_path / shell
        file.write_text(script(program))
        # zsh has no completion system in a script, and must still not run anything.
        subprocess.run([shell, str(file)], cwd=tmp_path, check=False, timeout=60, stderr=-3)

    assert not (tmp_path / "hacked").exists()
